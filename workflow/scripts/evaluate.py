"""Results of a figure -> a table that it is drawn from, by the table's module; see ``mftl.tables``."""

from importlib import import_module

from mftl.jobs import job

with job(snakemake):
    table = import_module(snakemake.params.module).table
    table(dict(snakemake.input.items()), snakemake.params.settings).to_csv(snakemake.output[0], index=False)
