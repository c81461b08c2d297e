"""Structures with energies and forces of a model and two levels -> parity, force errors and the worst structures."""

import shutil

import pandas as pd

from mftl.comparison import Compared
from mftl.jobs import job
from mftl.plotting.comparison import plot
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    figure = plot(
        Compared.load(snakemake.input.data),
        pd.read_csv(snakemake.input.structures),
        pd.read_csv(snakemake.input.errors),
        params.series,
        params.reference,
        params.style,
        params.histogram,
        params.worst,
        params.title,
    )
    shutil.copyfile(snakemake.input.structures, snakemake.output.csv)
    save(figure, snakemake.output, params.style)
