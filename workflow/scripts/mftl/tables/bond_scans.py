"""Energies along bonds by levels and models."""

from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mftl.models import fix_numerics, load_model
from mftl.observables.bonds import parabola
from mftl.prediction import predict
from mftl.structures import ENERGY, Structures


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each panel, level or model, and length: ``energy_eV`` above the minimum of its own parabola.

    Also ``wavenumber`` (cm⁻¹) and ``minimum_A`` of that parabola. Of a level ``curve`` is empty, of a model ``level``.
    """
    fix_numerics()
    scans: dict[int, list] = {}
    parts = []
    for one, path in zip(settings["levels"], inputs["labels"], strict=True):
        labelled = sorted(Structures.labelled(path), key=lambda atoms: float(atoms.info["distance"]))
        scans.setdefault(one["panel"], labelled)
        energies = np.array([atoms.info[ENERGY] for atoms in labelled])
        known = {"panel": one["panel"], "level": one["level"], "curve": "", "value": 0, "seed": 0}
        parts.append(_along(known, labelled, energies, settings))
    for run, path in tqdm(list(zip(settings["runs"], inputs["models"], strict=True)), unit="model"):
        scan = scans[run["panel"]]
        energies, _ = predict(load_model(path, head=run["head"]), scan, device=settings["device"])
        known = {"panel": run["panel"], "level": ""} | {key: run[key] for key in ("curve", "value", "seed")}
        parts.append(_along(known, scan, energies, settings))
    return pd.concat(parts, ignore_index=True)


def _along(known: dict[str, Any], scan: list, energies: np.ndarray, settings: dict[str, Any]) -> pd.DataFrame:
    distances = np.array([float(atoms.info["distance"]) for atoms in scan])
    bond = settings["bonds"][known["panel"]]
    wavenumber, minimum, lowest = parabola(distances, energies, bond, settings["reach"])
    found = {"distance_A": distances, "energy_eV": energies - lowest, "wavenumber": wavenumber, "minimum_A": minimum}
    return pd.DataFrame(known | found)
