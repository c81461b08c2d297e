"""What became of a figure's simulations -> fractions that are stable, how long they last, and the numbers drawn."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.stability import plot
from mftl.plotting.style import save
from mftl.stability import summarise

with job(snakemake):
    params = snakemake.params
    table = summarise(pd.read_csv(snakemake.input[0]), params.labels)
    table.to_csv(snakemake.output.csv, index=False)
    figure = plot(table, params.panels, params.looks, params.style, params.title)
    save(figure, snakemake.output, params.style)
