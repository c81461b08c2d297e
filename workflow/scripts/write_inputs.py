"""Structures that labels are wanted for -> inputs for a program."""

from mftl.acquisition.inputs import write
from mftl.config.selections import Inputs
from mftl.jobs import job
from mftl.structures import Structures

with job(snakemake):
    program = snakemake.wildcards.program
    settings = Inputs.model_fields[program].annotation(**snakemake.params.settings)
    write(program, settings, Structures(snakemake.input[0]), snakemake.output[0])
