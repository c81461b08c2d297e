"""Structures that labels are wanted for -> inputs for a program, in a folder, and a table of what lies where in it."""

from mftl.acquisition.inputs import write
from mftl.config.selections import Inputs
from mftl.jobs import job
from mftl.structures import Structures

with job(snakemake):
    program, table = snakemake.wildcards.program, snakemake.output[0]
    settings = Inputs.model_fields[program].annotation(**snakemake.params.settings)
    written = write(program, settings, Structures(snakemake.input[0]), table.removesuffix(".csv"))
    written.to_csv(table, index=False)
