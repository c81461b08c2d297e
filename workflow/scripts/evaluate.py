"""Predictions of a figure's curves -> its tidy table of errors."""

from pathlib import Path

from mftl.errors import error_table
from mftl.extxyz import read_ids, read_info
from mftl.jobs import job

with job(snakemake):
    params, pool = snakemake.params, snakemake.input.get("pool")
    only = None
    for key, values in params.only.items():
        chosen = {one for one, value in zip(read_ids(pool), read_info(pool, key), strict=True) if value in values}
        only = chosen if only is None else only & chosen
    predictions = dict(zip(params.curves, map(Path, snakemake.input.predictions), strict=True))
    error_table(snakemake.wildcards.figure, predictions, only).to_csv(snakemake.output[0], index=False)
