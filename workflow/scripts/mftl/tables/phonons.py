"""Phonon densities of states of models, and of the level that they are compared with."""

from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mftl import engines
from mftl.calculator import LevelCalculator
from mftl.dynamics.starts import crystal
from mftl.models import fix_numerics, load_model
from mftl.observables.phonons import density_of_states
from mftl.prediction import predict


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """Columns curve, value, seed, frequency_THz, states_per_THz; where any model has states, and 0.5 THz beyond."""
    fix_numerics()
    cell, measured = crystal(**settings["crystal"]), settings["measured"]
    frequencies = np.arange(-5.0, 40.0, measured["broadening"] / 4)
    sources = []
    for run, path in zip(settings["runs"], inputs["models"], strict=True):
        model = load_model(path, head=run["head"])
        sources.append((run, lambda atoms, model=model: predict(model, [atoms], device=settings["device"])[1][0]))
    if settings["level"]:
        level = LevelCalculator(engines.level(settings["level"]))
        sources.append(({"curve": "(level)", "value": 0, "seed": 0}, level.get_forces))
    found = []
    for run, forces in tqdm(sources, unit="model"):
        states = density_of_states(cell, forces, frequencies, **measured)
        known = {key: run[key] for key in ("curve", "value", "seed")}
        found.append(pd.DataFrame(known | {"frequency_THz": frequencies, "states_per_THz": states}))
    densities = pd.concat(found, ignore_index=True)
    seen = densities.loc[densities["states_per_THz"] > 1e-4, "frequency_THz"]
    return densities[densities["frequency_THz"].between(min(seen.min(), 0.0) - 0.5, seen.max() + 0.5)]
