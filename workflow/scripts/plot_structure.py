"""Distribution functions of a figure's simulations -> the figure and the numbers drawn."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.structure import plot
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    table = pd.read_csv(snakemake.input[0])
    table.insert(1, "label", table["curve"].map(params.labels))
    table.to_csv(snakemake.output.csv, index=False)
    values = params.layout["values"]
    figure = plot(table, values, params.layout["references"], params.looks, params.style, params.text, params.title)
    save(figure, snakemake.output, params.style)
