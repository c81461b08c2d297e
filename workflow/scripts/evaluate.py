"""Predictions of a figure's curves -> its tidy table of errors."""

from pathlib import Path

from mftl.errors import error_table
from mftl.jobs import job

with job(snakemake):
    predictions = dict(zip(snakemake.params.curves, map(Path, snakemake.input), strict=True))
    error_table(snakemake.wildcards.figure, predictions).to_csv(snakemake.output[0], index=False)
