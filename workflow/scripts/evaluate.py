"""Predictions of a figure's curves -> its tidy table of errors."""

from pathlib import Path

from mftl.errors import error_table
from mftl.jobs import job
from mftl.structures import Structures

with job(snakemake):
    params = snakemake.params
    only = set(Structures(snakemake.input.pool).having(params.only)) if params.only else None
    predictions = dict(zip(params.curves, map(Path, snakemake.input.predictions), strict=True))
    error_table(snakemake.wildcards.figure, predictions, only).to_csv(snakemake.output[0], index=False)
