"""Errors of a figure's curves and of their low levels -> both against each other, and the numbers drawn."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.learning_curves import summarise
from mftl.plotting.low_levels import plot
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    error = params.style["error"]
    table = summarise(pd.read_csv(snakemake.input.errors), params.labels, error)
    levels = pd.read_csv(snakemake.input.levels).set_index(["level", "quantity"])[error]
    level_errors = {curve: levels[level].to_dict() for curve, level in params.levels.items()}
    table["level"] = table["curve"].map(params.levels)
    table["level_error"] = [
        level_errors.get(curve, {}).get(quantity)
        for curve, quantity in zip(table["curve"], table["quantity"], strict=True)
    ]
    table.to_csv(snakemake.output.csv, index=False)
    figure = plot(
        table, level_errors, params.looks, params.values, params.style, params.xlabel, params.test, params.title
    )
    save(figure, snakemake.output, params.style)
