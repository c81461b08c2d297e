"""All models of a figure and its errors -> the best model, its card, and an answer to whether cheap labels helped."""

import shutil
from pathlib import Path

import pandas as pd

from mftl.jobs import job
from mftl.selection import best_model, compare, report

with job(snakemake):
    curves, labels = snakemake.params.settings["curves"], snakemake.params.settings["labels"]
    position, card = best_model(snakemake.input.cards)
    table = compare(pd.read_csv(snakemake.input.errors), curves[0])
    Path(snakemake.output.report).write_text(report(card, table, labels, curves[0]), encoding="utf-8")
    shutil.copyfile(snakemake.input.cards[position], snakemake.output.card)
    shutil.copyfile(snakemake.input.models[position], snakemake.output.model)
