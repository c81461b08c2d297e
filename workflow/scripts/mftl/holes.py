"""Holes of a model: structures far from data that it finds too good, and random ones to look for them.

Criteria of Tompa et al. (arXiv:2606.12704, appendix A.5); their structures have random symmetries, these have none.
"""

import hashlib

import numpy as np
import pandas as pd
from ase import Atom, Atoms
from ase.cell import Cell
from ase.data import covalent_radii
from ase.formula import Formula
from matscipy.neighbours import neighbour_list

from mftl.inputs import InputError

CLOSE = 0.5  # times the sum of covalent radii: closer atoms are a hole
DENSE, DENSE_AND_LOW = 0.3, 0.5  # of the median volume of an atom: smaller is a hole, or is if the energy is low too
DEVIATIONS, LOW = 10.0, 5.0  # median absolute deviations, eV per atom: an energy so far below the median is a hole
SEPARATION = 0.7  # times the sum of covalent radii: no atoms of a random structure are closer
CELLS, TRIES = 50, 50  # of a structure, and places of an atom in one


def random_structures(composition: str, count: int, volume: float, periodic: bool, seed: int) -> list[Atoms]:
    """Structures of a composition such as ``C2H6O`` with atoms at random places, in random cells or in a sphere.

    ``volume``: over that of spheres of the atoms' covalent radii. Each is the same whatever the ``count``.
    Raises InputError if the atoms do not fit in.
    """
    symbols = [symbol for symbol, number in Formula(composition).count().items() for _ in range(number)]
    return [_random(composition, symbols, k, volume, periodic, seed) for k in range(count)]


def _random(composition: str, symbols: list[str], k: int, volume: float, periodic: bool, seed: int) -> Atoms:
    key = hashlib.sha256(f"{seed} {composition} {k}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(key[:8]))
    size = volume * 4 / 3 * np.pi * (covalent_radii[Atoms(symbols).numbers] ** 3).sum()
    for _ in range(CELLS):
        atoms = Atoms(pbc=periodic, info={"id": f"{composition}-{k:03d}"})
        if periodic:
            cell = Cell.fromcellpar([*rng.uniform(0.7, 1.4, 3), *rng.uniform(60, 120, 3)])
            atoms.set_cell(cell.array * (size / abs(cell.volume)) ** (1 / 3))
        for symbol in symbols:
            if not _placed(atoms, symbol, size, rng):
                break
        else:
            return atoms
    raise InputError(
        f"{composition}: {len(symbols)} atoms do not fit at random into {volume:g} times their spheres; a larger "
        "volume, or fewer atoms"
    )


def _placed(atoms: Atoms, symbol: str, size: float, rng: np.random.Generator) -> bool:
    """Add an atom at a random place where none is too close; whether one was found."""
    for _ in range(TRIES):
        if atoms.pbc.all():
            place = rng.uniform(size=3) @ atoms.cell.array
        else:
            direction = rng.normal(size=3)
            place = direction * (size * rng.uniform() * 3 / (4 * np.pi)) ** (1 / 3) / np.linalg.norm(direction)
        atoms.append(Atom(symbol, place))
        if closest(atoms) >= SEPARATION:
            return True
        del atoms[-1]
    return False


def closest(atoms: Atoms) -> float:
    """The smallest distance of two atoms over the sum of their covalent radii; 2 if none are within twice that."""
    radii = covalent_radii[atoms.numbers]
    if atoms.pbc.any():
        first, second, distances = neighbour_list("ijd", atoms, 4 * float(radii.max()))
    else:
        first, second = np.triu_indices(len(atoms), 1)
        distances = np.linalg.norm(atoms.positions[first] - atoms.positions[second], axis=1)
    return float(min((distances / (radii[first] + radii[second])).min(initial=2.0), 2.0))


def judged(found: pd.DataFrame) -> pd.DataFrame:
    """Structures that one model relaxed, with ``hole``: by which criterion each is one, empty if by none.

    ``found`` has ``composition``, ``closest`` (of this module), ``volume_A3`` and ``energy_eV``, both for an atom;
    volumes are nan of structures without a cell. Medians are those of a composition. A number that is not finite is a
    hole.
    """
    return pd.concat([own.assign(hole=_holes(own)) for _, own in found.groupby("composition", sort=False)])


def _holes(own: pd.DataFrame) -> np.ndarray:
    energies, volumes = own["energy_eV"], own["volume_A3"]
    below = energies.median() - energies
    deviation = (energies - energies.median()).abs().median()
    dense = volumes / volumes.median()  # without a cell nan, of which no comparison is true
    criteria = {
        "close": own["closest"] < CLOSE,
        "not finite": ~np.isfinite(energies),
        "dense": dense < DENSE,
        "low": below > max(DEVIATIONS * deviation, LOW),
        "dense and low": (dense < DENSE_AND_LOW) & (below > 0),
    }
    return np.select([one.to_numpy() for one in criteria.values()], list(criteria), default="")
