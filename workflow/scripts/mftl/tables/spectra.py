"""Power spectra of simulations."""

from typing import Any

import pandas as pd
from ase.io import iread
from tqdm import tqdm

from mftl.observables import spectra


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """Means and spreads over simulations of each curve and value; ``observables.spectra.table``."""
    parts = []
    for run, trajectory in tqdm(list(zip(settings["runs"], inputs["trajectories"], strict=True)), unit="model"):
        known = {key: run[key] for key in ("curve", "value")}
        found = spectra.of_simulations(iread(trajectory, format="extxyz"), settings["measured"])
        parts.append((known, found))
    return spectra.table(parts, settings["measured"])
