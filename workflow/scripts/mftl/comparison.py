"""One model and one level of theory against another level, structure by structure."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.neighborlist import neighbor_list

from mftl import points
from mftl.errors import MEV, error_rows, relative_energies

NEAR_ONE = (0.3, 3.0)  # eV/Å: what counts as a force error "around 1 eV/Å"


@dataclass
class Compared:
    """Structures with relative energies and forces by ``reference``, ``model`` and ``level``.

    ``ids``, ``sizes`` (n,), ``cells`` (n, 3, 3) in Å, ``pbc`` (n, 3); ``numbers`` (atoms,), ``positions`` (atoms, 3)
    in Å; ``energies`` (3, n) in eV and ``forces`` (3, atoms, 3) in eV/Å, in the order reference, model, level; nan
    where a level has energies alone.
    """

    ids: np.ndarray
    sizes: np.ndarray
    cells: np.ndarray
    pbc: np.ndarray
    numbers: np.ndarray
    positions: np.ndarray
    energies: np.ndarray
    forces: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write one compressed file."""
        np.savez_compressed(path, **asdict(self))

    @classmethod
    def load(cls, path: str | Path) -> "Compared":
        """Read what ``save`` wrote."""
        with np.load(path) as data:
            return cls(**data)

    def atoms(self, i: int) -> Atoms:
        """One structure."""
        start = int(self.sizes[:i].sum())
        part = slice(start, start + int(self.sizes[i]))
        return Atoms(self.numbers[part], self.positions[part], cell=self.cells[i], pbc=self.pbc[i])

    def by_structure(self) -> Iterator[slice]:
        """The atoms of each structure."""
        ends = np.cumsum(self.sizes)
        for start, end in zip(ends - self.sizes, ends, strict=True):
            yield slice(int(start), int(end))


def compared(structures: list[Atoms], energies: list[np.ndarray], forces: list[list[np.ndarray] | None]) -> Compared:
    """Put structures, and energies (eV) and forces (eV/Å) by reference, model and level, side by side.

    Forces are None where a level has energies alone.
    The energies become relative: each level's own zero is taken out (see ``errors.relative_energies``).
    """
    elements = sorted({int(z) for atoms in structures for z in atoms.numbers})
    counts = np.array([[np.count_nonzero(a.numbers == z) for z in elements] for a in structures], dtype=float)
    return Compared(
        ids=np.array([atoms.info["id"] for atoms in structures]),
        sizes=np.array([len(atoms) for atoms in structures]),
        cells=np.array([atoms.cell.array for atoms in structures]),
        pbc=np.array([atoms.pbc for atoms in structures]),
        numbers=np.concatenate([atoms.numbers for atoms in structures]),
        positions=np.concatenate([atoms.positions for atoms in structures]),
        energies=np.array([relative_energies(np.asarray(e, float), counts) for e in energies]),
        forces=np.array([np.full((int(counts.sum()), 3), np.nan) if f is None else np.concatenate(f) for f in forces]),
    )


def summary(figure: str, data: Compared) -> pd.DataFrame:
    """A row for model and level and each quantity: RMSE, MAE and what tells their kinds of error apart.

    ``slope``: of predicted against reference values; below 1 is a softened potential. ``largest`` and
    ``percentile_99_9``: of the absolute errors, in the row's unit. ``share_near_1``: of the force components, those
    with an error of 0.3 to 3 eV/Å. ``worst_contact_A`` and ``worst_contact_ratio``: the shortest contact in the
    structure with the largest error in energy.
    """
    rows = []
    for curve, one in _of_both(data).items():
        for quantity, numbers in one(np.arange(len(data.ids))).items():
            known = {"figure": figure, "curve": curve, "quantity": quantity}
            rows.append(known | numbers | {"structures": len(data.ids)})
    return pd.DataFrame(rows)


def point_table(figure: str, data: Compared) -> pd.DataFrame:
    """A row for model and level, each quantity and each number of ``summary`` (``read``), with interval and draws."""
    drawn = [np.repeat(np.arange(len(data.ids)), taken) for taken in points.counts(data.ids)]
    rows = []
    for curve, one in _of_both(data).items():
        values = [one(chosen) for chosen in drawn]
        for quantity, estimates in values[0].items():
            keys = {"figure": figure, "curve": curve, "value": 0, "quantity": quantity, "unit": estimates["unit"]}
            keys |= {"seeds": 1, "structures": len(data.ids)}
            for read in (one for one in estimates if one != "unit"):
                rows.append(keys | points.row(read, np.array([each[quantity][read] for each in values])))
    return pd.DataFrame(rows)


def _of_both(data: Compared) -> dict[str, Callable[[np.ndarray], dict[str, dict[str, Any]]]]:
    """What computes, for model and level, the numbers of ``summary`` of chosen structures, each with its unit."""
    parts = list(data.by_structure())
    contacts = cache(lambda i: shortest_contact(data.atoms(i))[1:3])

    def numbers(k: int, chosen: np.ndarray) -> dict[str, dict[str, Any]]:
        atoms = np.concatenate([np.arange(parts[i].start, parts[i].stop) for i in chosen])
        sizes = data.sizes[chosen]
        energies, forces = data.energies[:, chosen], data.forces[:, atoms]
        both = not np.isnan(forces[k] + forces[0]).any()
        known = forces[[k, 0]] if both else (None, None)
        errors = error_rows(energies[k], energies[0], known[0], known[1], sizes)
        pairs = {"energy": (energies[k] / sizes, energies[0] / sizes), "forces": (forces[k].ravel(), forces[0].ravel())}
        found = {}
        for row in errors:
            predicted, reference = pairs[row["quantity"]]
            error = np.abs(predicted - reference)
            found[row["quantity"]] = {
                "unit": row["unit"],
                "rmse": row["rmse"],
                "mae": row["mae"],
                "slope": float(np.polyfit(reference, predicted, 1)[0]),
                "largest": MEV * float(error.max()),
                "percentile_99_9": MEV * float(np.percentile(error, 99.9)),
            }
            if row["quantity"] == "forces":
                found["forces"]["share_near_1"] = float(((error > NEAR_ONE[0]) & (error < NEAR_ONE[1])).mean())
        furthest = int(chosen[np.argmax(np.abs(energies[k] - energies[0]) / sizes)])
        found["energy"] |= dict(zip(("worst_contact_A", "worst_contact_ratio"), contacts(furthest), strict=True))
        return found

    return {curve: partial(numbers, k) for k, curve in enumerate(("model", "level"), start=1)}


def table(data: Compared) -> pd.DataFrame:
    """A row for each structure: relative energies (eV/atom), RMSE of its forces (eV/Å), its shortest contact."""
    rows = []
    for i, part in enumerate(data.by_structure()):
        atoms = data.atoms(i)
        pair, distance, ratio, _ = shortest_contact(atoms)
        force = [np.sqrt(np.mean((data.forces[k][part] - data.forces[0][part]) ** 2)) for k in (1, 2)]
        energy = data.energies[:, i] / data.sizes[i]
        rows.append(
            {
                "id": str(data.ids[i]),
                "formula": atoms.get_chemical_formula(),
                "atoms": int(data.sizes[i]),
                "reference_eV_atom": energy[0],
                "model_eV_atom": energy[1],
                "level_eV_atom": energy[2],
                "model_force_rmse_eV_A": force[0],
                "level_force_rmse_eV_A": force[1],
                "contact": "–".join(sorted(chemical_symbols[atoms.numbers[k]] for k in pair or ())),
                "contact_A": distance,
                "contact_ratio": ratio,
            }
        )
    return pd.DataFrame(rows)


def worst(rows: pd.DataFrame, count: int) -> list[int]:
    """Positions of the structures with the largest errors of the model's relative energy per atom."""
    error = np.abs(rows["model_eV_atom"] - rows["reference_eV_atom"]).to_numpy()
    return [int(i) for i in np.argsort(-error, kind="stable")[:count]]


def shortest_contact(atoms: Atoms) -> tuple[tuple[int, int] | None, float, float, np.ndarray]:
    """The pair of atoms closest for its elements: indices, distance (Å), ratio, and the vector between them (Å).

    Closest by the ratio of the distance to the sum of the covalent radii, across periodic boundaries too. Of several
    equal pairs the first. None, infinities and a zero vector where no two atoms are within 1.5 times that sum.
    """
    radii = covalent_radii[atoms.numbers]
    first, second, distances, vectors = neighbor_list("ijdD", atoms, 1.5 * radii)
    if len(first) == 0:
        return None, np.inf, np.inf, np.zeros(3)
    ratios = distances / (radii[first] + radii[second])
    k = int(np.argmin(np.round(ratios, 6)))
    return (int(first[k]), int(second[k])), float(distances[k]), float(ratios[k]), vectors[k]
