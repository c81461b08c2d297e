"""Errors of single structures in groups -> a box for each curve and group, and the numbers drawn."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.box_plots import plot, summarise
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    quantity, label = params.drawn["quantity"], params.drawn["label"]
    table = summarise(pd.read_csv(snakemake.input[0]), params.labels, quantity)
    table.to_csv(snakemake.output.csv, index=False)
    save(plot(table, params.looks, params.style, label, params.test, params.title), snakemake.output, params.style)
