"""Predictions of a figure's curves -> the errors of single structures, in groups by what is known of them."""

from pathlib import Path

from mftl.errors import structure_table
from mftl.extxyz import read_ids, read_info
from mftl.jobs import job

with job(snakemake):
    params, pool = snakemake.params, snakemake.input.pool
    values = zip(read_ids(pool), read_info(pool, params.groups["key"]), strict=True)
    wanted = params.groups["groups"]
    groups = {one: value for one, value in values if value is not None and (not wanted or value in wanted)}
    predictions = dict(zip(params.curves, map(Path, snakemake.input.predictions), strict=True))
    table = structure_table(snakemake.wildcards.figure, predictions, params.value, groups)
    table.to_csv(snakemake.output[0], index=False)
