"""Models of a figure, and the level they are compared with -> their phonon densities of states."""

import numpy as np
import pandas as pd
from pydantic import TypeAdapter
from tqdm import tqdm

from mftl.calculator import LevelCalculator
from mftl.config import AnyLevel
from mftl.dynamics.starts import crystal
from mftl.jobs import job
from mftl.models import load_model
from mftl.observables.phonons import density_of_states
from mftl.prediction import predict

with job(snakemake):
    params = snakemake.params
    crystal_cell = crystal(**params.crystal)
    frequencies = np.arange(-5.0, 40.0, params.settings["broadening"] / 4)
    runs = zip(params.runs, snakemake.input.models, strict=True)
    sources = []
    for run, path in runs:
        model = load_model(path, head=run["head"])
        sources.append((run, lambda atoms, model=model: predict(model, [atoms], device=params.device)[1][0]))
    if params.level:
        level = LevelCalculator(TypeAdapter(AnyLevel).validate_python(params.level))
        sources.append(({"curve": "(level)", "value": 0, "seed": 0}, level.get_forces))
    found = []
    for run, forces in tqdm(sources, unit="model"):
        states = density_of_states(crystal_cell, forces, frequencies, **params.settings)
        known = {key: run[key] for key in ("curve", "value", "seed")}
        found.append(pd.DataFrame(known | {"frequency_THz": frequencies, "states_per_THz": states}))
    table = pd.concat(found, ignore_index=True)
    seen = table.loc[table["states_per_THz"] > 1e-4, "frequency_THz"]
    table = table[table["frequency_THz"].between(min(seen.min(), 0.0) - 0.5, seen.max() + 0.5)]
    table.to_csv(snakemake.output[0], index=False)
