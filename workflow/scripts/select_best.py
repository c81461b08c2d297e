"""All models of a figure and its errors -> the best model, its card, and an answer to whether cheap labels helped."""

import shutil
from pathlib import Path

import pandas as pd

from mftl.jobs import job
from mftl.selection import best_model, compare, report

with job(snakemake):
    params = snakemake.params
    position, card = best_model(snakemake.input.cards)
    table = compare(pd.read_csv(snakemake.input.errors), params.curves[0])
    Path(snakemake.output.report).write_text(report(card, table, params.labels, params.curves[0]), encoding="utf-8")
    shutil.copyfile(snakemake.input.cards[position], snakemake.output.card)
    shutil.copyfile(snakemake.input.models[position], snakemake.output.model)
