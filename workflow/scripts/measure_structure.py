"""Trajectories of a figure -> radial and angular distribution functions of the stable ones, means and spreads."""

import pandas as pd
from ase.io import iread
from tqdm import tqdm

from mftl.jobs import job
from mftl.observables.averages import of_simulations, table

with job(snakemake):
    params, parts = snakemake.params, []
    paths = zip(params.runs, snakemake.input.events, snakemake.input.trajectories, strict=True)
    for run, events, trajectory in tqdm(list(paths), unit="model"):
        known = {key: run[key] for key in ("curve", "value")}
        became = pd.read_csv(events)
        stable = set(became.loc[became["overlap_ps"].isna(), "replica"])
        parts.append((known, of_simulations(iread(trajectory, format="extxyz"), stable, params.settings)))
    table(parts, params.settings).to_csv(snakemake.output[0], index=False)
