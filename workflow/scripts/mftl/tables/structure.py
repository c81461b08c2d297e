"""Radial and angular distribution functions of stable simulations."""

from typing import Any

import pandas as pd
from ase.io import iread
from tqdm import tqdm

from mftl.observables import averages


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """Means and spreads over simulations of each curve and training size; ``averages.table``."""
    parts = []
    paths = zip(settings["runs"], inputs["events"], inputs["trajectories"], strict=True)
    for run, events, trajectory in tqdm(list(paths), unit="model"):
        became = pd.read_csv(events)
        stable = set(became.loc[became["overlap_ps"].isna(), "replica"])
        frames = iread(trajectory, format="extxyz")
        known = {key: run[key] for key in ("curve", "value")}
        parts.append((known, averages.of_simulations(frames, stable, settings["measured"])))
    return averages.table(parts, settings["measured"])
