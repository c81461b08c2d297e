"""Structures with forces of a model and two levels -> parity of the force components."""

import shutil

import pandas as pd

from mftl.comparison import Compared
from mftl.jobs import job
from mftl.plotting.force_parity import plot
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    errors = pd.read_csv(snakemake.input.errors)
    data = Compared.load(snakemake.input.data)
    figure = plot(data, errors, params.series, params.reference, params.style, params.title)
    shutil.copyfile(snakemake.input.structures, snakemake.output.csv)
    save(figure, snakemake.output, params.style)
