"""Errors of predictions against labels, as one tidy table."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ase import units as ase_units

from mftl import points
from mftl.inputs import InputError
from mftl.recipe import parse
from mftl.structures import FORCES, Structures

MEV = 1000.0  # meV in an eV
KCAL = ase_units.mol / ase_units.kcal  # kcal/mol in an eV


@dataclass(frozen=True)
class Units:
    """In what errors are given: how many of it are an eV, its name, and whether energies are divided by the atoms."""

    factor: float
    name: str
    per_atom: bool

    def of(self, quantity: str) -> str:
        """The unit of a quantity."""
        per = {"forces": "/Å", "stress": "/Å³"}.get(quantity, "/atom" if self.per_atom else "")
        return f"{self.name}{per}"

    def energies(self, energies: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Energies (n,) in eV, of structures of ``sizes`` (n,) atoms, in this unit."""
        return self.factor * (energies / sizes if self.per_atom else energies)


UNITS = {"meV/atom": Units(MEV, "meV", True), "kcal/mol": Units(KCAL, "kcal/mol", False)}


def relative_energies(energies: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Relative energies (eV): energies (n,) less the reference energies of the elements that fit them best.

    ``counts`` (n, elements): atoms of each element. The references are the least-squares ones of these very
    energies, so two levels of theory, or a model and a level, can be compared whatever their zero of energy:
    the difference of two levels' relative energies is what no shift of the atoms' energies can explain.
    """
    return energies - counts @ np.linalg.lstsq(counts, energies, rcond=None)[0]


def error_rows(
    predicted_energies: np.ndarray,
    reference_energies: np.ndarray,
    predicted_forces: np.ndarray | None,
    reference_forces: np.ndarray | None,
    sizes: np.ndarray,
    units: str = "meV/atom",
    stresses: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[dict]:
    """RMSE and MAE of energies (meV/atom) and, where known, of components of forces (meV/Å) and stress (meV/Å³).

    Energies (n,) in eV with ``sizes`` (n,) atoms each; forces (atoms, 3) in eV/Å, predicted and reference
    ``stresses`` (n, 3, 3) in eV/Å³. ``units``: a key of ``UNITS``.
    """
    given = UNITS[units]
    errors = {"energy": given.energies(predicted_energies - reference_energies, sizes)}
    if predicted_forces is not None and reference_forces is not None:
        errors["forces"] = given.factor * (predicted_forces - reference_forces).ravel()
    if stresses is not None:
        errors["stress"] = given.factor * (stresses[0] - stresses[1]).ravel()
    return [
        {
            "quantity": quantity,
            "unit": given.of(quantity),
            "rmse": float(np.sqrt(np.mean(error**2))),
            "mae": float(np.mean(np.abs(error))),
            "structures": len(sizes),
        }
        for quantity, error in errors.items()
    ]


def compare_levels(reference: str | Path, other: str | Path, level: str, units: str = "meV/atom") -> list[dict]:
    """Errors of one file of labels against another on the structures that both hold, with relative energies."""
    files = [Structures.labelled(path) for path in (reference, other)]
    high, low = ({a.info["id"]: a for a in file} for file in files)
    common = [one for one in high if one in low]
    if not common:
        raise InputError(f"{reference} and {other} have no structure in common")
    elements = sorted({int(z) for one in common for z in high[one].numbers})
    counts = np.array([[np.count_nonzero(high[one].numbers == z) for z in elements] for one in common], dtype=float)
    energies = [
        relative_energies(np.array([data[one].info["REF_energy"] for one in common]), counts) for data in (low, high)
    ]
    forces: list[np.ndarray | None] = [None, None]
    if all(file.has_forces for file in files):
        forces = [np.concatenate([data[one].arrays[FORCES] for one in common]) for data in (low, high)]
    rows = error_rows(energies[0], energies[1], forces[0], forces[1], counts.sum(1), units)
    return [{"level": level} | row for row in rows]


def error_table(
    figure: str, predictions: dict[str, Path], only: Set[str] | None = None, units: str = "meV/atom"
) -> pd.DataFrame:
    """A row for each figure, curve, recipe, size, epochs, seed and quantity.

    ``only``: ids of the test structures that count, all if None. ``units``: a key of ``UNITS``. Where test labels are
    energies alone, so are the rows.

    ``predictions``: the file of each curve that the rule ``predict`` wrote. ``value`` is the curve's open number,
    ``size`` the structures of the last stage, ``epochs`` those of the first snapshot in the recipe (0: none), or what
    was chosen for ``.ebest``.
    A foundation model as it is, and a model of another level, have another zero of energy than the labels: their
    energies are compared as relative ones.
    """
    rows = []
    for keys, (_, sizes, energies, references, forces, reference_forces, stresses) in of_models(
        figure, predictions, only
    ):
        known = error_rows(energies, references, forces, reference_forces, sizes, units, stresses)
        rows += [keys | row for row in known]
    return pd.DataFrame(rows)


def point_table(
    figure: str, predictions: dict[str, Path], only: Set[str] | None = None, units: str = "meV/atom"
) -> pd.DataFrame:
    """A row for each figure, curve, value, quantity and kind of error (``read``), with interval; ``points.point``.

    The parameters are those of ``error_table``. All seeds of a point count together.
    """
    found: dict[tuple, list] = {}
    given = UNITS[units]
    for keys, one in of_models(figure, predictions, only):
        ids, sizes, energies, references, forces, reference_forces, stresses = one
        point = keys["curve"], keys["value"]
        energy = np.abs(given.energies(energies - references, sizes))
        found.setdefault((*point, "energy"), []).append((energy, energy**2, np.ones(len(sizes)), ids))
        if reference_forces is not None:
            force = given.factor * (forces - reference_forces)
            starts = np.cumsum(sizes) - sizes
            of_structure = [np.add.reduceat(one.sum(1), starts) for one in (np.abs(force), force**2)]
            found.setdefault((*point, "forces"), []).append((*of_structure, 3.0 * sizes, ids))
        if stresses is not None:
            stress = given.factor * (stresses[0] - stresses[1]).reshape(-1, 9)
            of_structure = [one.sum(1) for one in (np.abs(stress), stress**2)]
            found.setdefault((*point, "stress"), []).append((*of_structure, np.full(len(sizes), 9.0), ids))
    rows = []
    for (curve, value, quantity), models in found.items():
        absolutes, squares = (np.array([model[k] for model in models]) for k in (0, 1))
        keys = {"figure": figure, "curve": curve, "value": value, "quantity": quantity, "unit": given.of(quantity)}
        _, _, sizes, ids = models[0]
        of_point = points.point(squares, absolutes, sizes, ids, f"{curve} {value}")
        rows += [keys | row for row in of_point]
    return pd.DataFrame(rows)


def group_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Points of groups of structures, whose errors ``structure_table`` gives; each structure counts as one.

    A row for each figure, curve, group (``value``), quantity and kind of error, as in ``point_table``.
    """
    rows = []
    keys = ["figure", "curve", "value", "quantity", "unit"]
    for group, own in errors.groupby(keys, sort=False):
        squares = own.assign(square=own["rmse"] ** 2).pivot(index="seed", columns="id", values="square")
        absolutes = own.pivot(index="seed", columns="id", values="mae")
        sizes, ids = np.ones(len(squares.columns)), [str(one) for one in squares.columns]
        of_point = points.point(squares.to_numpy(), absolutes.to_numpy(), sizes, ids, f"{group[1]} {group[2]}")
        rows += [dict(zip(keys, group, strict=True)) | row for row in of_point]
    return pd.DataFrame(rows)


class Tested(NamedTuple):
    """What a model predicts of its test set, beside the labels: eV, eV/Å, eV/Å³.

    ``reference_forces`` are None where the labels are energies alone, ``stresses``, predicted and reference ones, where
    not all labels have one.
    """

    ids: np.ndarray  # (n,)
    sizes: np.ndarray  # (n,), atoms
    energies: np.ndarray  # (n,)
    references: np.ndarray  # (n,)
    forces: np.ndarray  # (atoms, 3)
    reference_forces: np.ndarray | None  # (atoms, 3)
    stresses: tuple[np.ndarray, np.ndarray] | None  # (n, 3, 3) each


def of_models(
    figure: str, predictions: dict[str, Path], only: Set[str] | None = None
) -> Iterator[tuple[dict[str, Any], Tested]]:
    """What identifies each model, and what it predicts; the parameters are those of ``error_table``."""
    for curve, path in predictions.items():
        with np.load(path) as stored:
            data = dict(stored)
        chosen = np.array([only is None or one in only for one in data["ids"]])
        if not chosen.any():
            raise InputError(f"figures.{figure}.only leaves no test structure of the curve {curve}")
        of_chosen = np.repeat(chosen, data["sizes"])
        ids, sizes = data["ids"][chosen], data["sizes"][chosen]
        for model, keys in enumerate(_keys(figure, curve, data)):
            energies, references = data["energies"][model][chosen], data["reference_energies"][chosen]
            if data.get("relative", not parse(keys["recipe"]).stages):
                compositions = _compositions(data["numbers"][of_chosen], sizes)
                energies, references = (relative_energies(one, compositions) for one in (energies, references))
            known = data["reference_forces"][of_chosen] if "reference_forces" in data else None
            stresses = None
            if "stresses" in data:
                stresses = data["stresses"][model][chosen], data["reference_stresses"][chosen]
            yield keys, Tested(ids, sizes, energies, references, data["forces"][model][of_chosen], known, stresses)


def value_table(
    keys: Mapping[str, Any],
    tested: Tested,
    energies: tuple[np.ndarray, np.ndarray],
    forces: tuple[np.ndarray, np.ndarray] | None,
    units: str = "meV/atom",
) -> pd.DataFrame:
    """A row for each test structure's energy and for each component of the forces: ``keys``, ``error`` and ``sigma``.

    ``energies``: errors and sigmas (n,), eV; ``forces``: errors (atoms, 3) and sigmas of a component (atoms,), eV/Å.
    """
    given, ids = UNITS[units], np.array([str(one) for one in tested.ids])

    def rows(quantity: str, owners: np.ndarray, error: np.ndarray, sigma: np.ndarray) -> pd.DataFrame:
        found = {"quantity": quantity, "unit": given.of(quantity), "id": owners}
        found |= {"error": error.astype(np.float32), "sigma": sigma.astype(np.float32)}  # half the text
        return pd.DataFrame({**keys, **found})

    found = [rows("energy", ids, *(given.energies(one, tested.sizes) for one in energies))]
    if forces is not None:
        error, sigma = given.factor * forces[0].ravel(), given.factor * np.repeat(forces[1], 3)
        found.append(rows("forces", np.repeat(ids, 3 * tested.sizes), error, sigma))
    return pd.concat(found, ignore_index=True)


def structure_table(
    figure: str, predictions: dict[str, Path], value: int, groups: dict[str, str], units: str = "meV/atom"
) -> pd.DataFrame:
    """A row for each curve, seed, test structure and quantity: the error of one structure.

    ``value`` is the open number of the models looked at; ``groups``: the group of each test structure that counts, by
    id, which becomes the column ``value``, as number if it is one. Errors are those of ``error_rows`` of the structure.
    """
    rows = []
    for curve, path in predictions.items():
        with np.load(path) as stored:
            data = dict(stored)
        ends = np.cumsum(data["sizes"])
        for model, keys in enumerate(_keys(figure, curve, data)):
            if keys["value"] != value and parse(keys["recipe"]).stages:
                continue
            for i, (one, size, end) in enumerate(zip(data["ids"], data["sizes"], ends, strict=True)):
                if (group := groups.get(str(one))) is None:
                    continue
                atoms = slice(end - size, end)
                own = error_rows(
                    data["energies"][model][i : i + 1],
                    data["reference_energies"][i : i + 1],
                    data["forces"][model][atoms],
                    data["reference_forces"][atoms] if "reference_forces" in data else None,
                    data["sizes"][i : i + 1],
                    units,
                )
                rows += [keys | {"value": _number(group), "id": str(one)} | row for row in own]
    if not rows:
        raise InputError(f"figures.{figure}: no test structure is in one of its groups, or no model at {value}")
    return pd.DataFrame(rows)


def _keys(figure: str, curve: str, data: Mapping[str, np.ndarray]) -> Iterator[dict]:
    """What identifies each model of a file of predictions."""
    for name, value, epochs, seed in zip(data["recipe"], data["value"], data["epochs"], data["seed"], strict=True):
        recipe = parse(str(name))
        yield {
            "figure": figure,
            "curve": curve,
            "recipe": str(recipe),
            "value": int(value),
            "size": recipe.last.size if recipe.stages else 0,
            "epochs": int(epochs),
            "seed": int(seed),
        }


def _number(text: str) -> int | float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _compositions(numbers: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Atoms of each element in each structure, (n, elements), from the atomic numbers of all atoms in a row."""
    structures = np.split(numbers, np.cumsum(sizes)[:-1])
    return np.array([[np.count_nonzero(one == z) for z in np.unique(numbers)] for one in structures], dtype=float)
