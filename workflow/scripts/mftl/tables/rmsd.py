"""Superposed RMSD of simulations from their first frames."""

from typing import Any

import pandas as pd
from ase.io import iread
from tqdm import tqdm

from mftl.observables.rmsd import of_simulations


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, value, seed, replica and frame; ``failed_ps``: when the simulation failed, if it did."""
    parts, measured = [], settings["measured"]
    paths = zip(settings["runs"], inputs["events"], inputs["trajectories"], strict=True)
    for run, events, trajectory in tqdm(list(paths), unit="model"):
        found = of_simulations(iread(trajectory, format="extxyz"), **measured)
        failed = pd.read_csv(events).set_index("replica")["failed_ps"]
        known = {key: run[key] for key in ("curve", "value", "seed")}
        parts.append(pd.DataFrame(known, index=found.index).join(found.assign(failed_ps=found["replica"].map(failed))))
    return pd.concat(parts, ignore_index=True)
