"""Errors of a figure's curves -> errors against the epochs of a pre-training, and the numbers drawn."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.epochs import plot
from mftl.plotting.learning_curves import summarise
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    table = summarise(pd.read_csv(snakemake.input[0]), params.labels, params.style["error"])
    table.to_csv(snakemake.output.csv, index=False)
    figure = plot(table, params.looks, params.references, params.style, params.test, params.title)
    save(figure, snakemake.output, params.style)
