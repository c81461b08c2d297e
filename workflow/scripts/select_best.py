"""All models of a figure and its errors -> the best model, its card, and an answer to whether cheap labels helped."""

import shutil
from pathlib import Path

from mftl import points
from mftl.jobs import job
from mftl.selection import best_model, compare, report

with job(snakemake):
    curves, labels = snakemake.params.settings["curves"], snakemake.params.settings["labels"]
    position, card = best_model(snakemake.input.cards)
    table = points.read(snakemake.input.points)
    answer = report(card, compare(table, curves[0]), table, labels, curves[0])
    Path(snakemake.output.report).write_text(answer, encoding="utf-8")
    points.warn(table)
    shutil.copyfile(snakemake.input.cards[position], snakemake.output.card)
    shutil.copyfile(snakemake.input.models[position], snakemake.output.model)
