"""Energies of two atoms against their distance, by models and a level."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import atomic_numbers, covalent_radii
from tqdm import tqdm

from mftl import engines
from mftl.engine_calculator import EngineCalculator
from mftl.holes import CLOSE
from mftl.models import fix_numerics, load_model
from mftl.prediction import predict

LEVEL = "(level)"


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each pair, model or level, and distance: ``energy_eV`` above that at ``zero_A``, the largest distance.

    ``radii_A``: the sum of both covalent radii; ``lowest_A``: where the energy is lowest; ``hole``: whether that is
    within half of it. Of a level energies are nan where its engine failed, and ``zero_A`` the largest distance where it
    did not: methods for closed shells do not converge for two atoms far apart with an odd number of electrons.
    """
    fix_numerics()
    pairs, parts = settings["pairs"], []
    structures = {tuple(pair): scan(*pair, **settings["distances"]) for pair in pairs}
    for run, path in tqdm(list(zip(settings["runs"], inputs["models"], strict=True)), unit="model"):
        model = load_model(path, head=run["head"])
        everything = [atoms for own in structures.values() for atoms in own]
        energies, _ = predict(model, everything, device=settings["device"])
        known = {key: run[key] for key in ("curve", "value", "seed")}
        for pair, own in zip(structures.items(), np.split(energies, len(structures)), strict=True):
            parts.append(_along(known, *pair, own))
    if settings["level"]:
        calculator = EngineCalculator(engines.level(settings["level"]))
        for pair, own in tqdm(list(structures.items()), unit="pair"):
            energies = np.array([_energy(calculator, atoms) for atoms in own])
            parts.append(_along({"curve": LEVEL, "value": 0, "seed": 0}, pair, own, energies))
        calculator.close()
    return pd.concat(parts, ignore_index=True)


def scan(first: str, second: str, shortest: float, longest: float, points: int) -> list[Atoms]:
    """Two atoms from ``shortest`` times the sum of their covalent radii to ``longest`` Å, evenly in logarithms."""
    distances = np.geomspace(shortest * radii(first, second), longest, points)
    return [Atoms([first, second], [[0, 0, 0], [0, 0, one]], info={"id": f"{first}-{second}"}) for one in distances]


def radii(first: str, second: str) -> float:
    """The sum of two elements' covalent radii, Å."""
    return float(sum(covalent_radii[atomic_numbers[one]] for one in (first, second)))


def _energy(calculator: EngineCalculator, atoms: Atoms) -> float:
    try:
        return calculator.get_potential_energy(atoms)
    except CalculationFailed as error:
        logging.warning("%s at %.2f Å: %s", atoms.info["id"], atoms.get_distance(0, 1), error)
        return float("nan")


def _along(known: dict, pair: tuple[str, str], structures: list[Atoms], energies: np.ndarray) -> pd.DataFrame:
    distances, reach = np.array([atoms.get_distance(0, 1) for atoms in structures]), radii(*pair)
    known_at = np.flatnonzero(np.isfinite(energies))
    zero, lowest = (known_at[-1], np.nanargmin(energies)) if len(known_at) else (len(energies) - 1, 0)
    found = {"distance_A": distances, "energy_eV": energies - energies[zero], "zero_A": distances[zero]}
    found |= {"radii_A": reach, "lowest_A": distances[lowest] if len(known_at) else np.nan}
    return pd.DataFrame({"pair": "-".join(pair), **known, **found, "hole": found["lowest_A"] < CLOSE * reach})
