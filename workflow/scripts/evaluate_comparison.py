"""Structures with energies and forces of a model and two levels -> their errors, and a row for each structure."""

from mftl.comparison import Compared, summary, table
from mftl.jobs import job

with job(snakemake):
    data = Compared.load(snakemake.input[0])
    summary(snakemake.wildcards.figure, data).to_csv(snakemake.output.errors, index=False)
    table(data).to_csv(snakemake.output.structures, index=False)
