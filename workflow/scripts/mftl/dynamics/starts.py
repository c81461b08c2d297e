"""Where simulations start, and the bonds that must hold in them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list

from mftl.inputs import InputError
from mftl.structures import Structures, read_structures, writing

BONDED = 1.25  # times the sum of the covalent radii; farther atoms are not bonded


@dataclass
class Bonds:
    """Bonds of one structure. Shapes: B bonds."""

    pairs: np.ndarray  # (B, 2), atoms
    shifts: np.ndarray  # (B, 3), Å: r = x[second] - x[first] + shift
    lengths: np.ndarray  # (B,), Å: what deviations are counted from


def crystal(lattice: str, element: str, lattice_constant: float) -> Atoms:
    """The conventional cell of a crystal (``bcc``, ``diamond``, …), with an id."""
    cubic = lattice in ("fcc", "bcc", "diamond", "sc")
    atoms = bulk(element, lattice, a=lattice_constant, cubic=cubic and lattice != "sc")
    atoms.info["id"] = f"{lattice}-{element}"
    return atoms


def choose(
    pool: Structures, ids: Sequence[str] | None, count: int, only: dict[str, list[str]], what: str
) -> list[Atoms]:
    """The first ``count`` structures among ``ids`` (None: all) whose info keys have one of the values in ``only``.

    Raises InputError if there are fewer.
    """
    wanted, fitting = [one for one in (pool.ids if ids is None else ids) if one in pool], set(pool.having(only))
    chosen = [one for one in wanted if one in fitting]
    if len(chosen) < count:
        raise InputError(
            f"{what}: {count} structures to start from wanted, but only {len(chosen)} of {len(wanted)} are of {only}"
        )
    return [pool[one] for one in chosen[:count]]


def reference_bonds(atoms: Atoms, structures: Sequence[Atoms] = ()) -> Bonds:
    """Bonds of a structure: pairs within 1.25 times the sum of their covalent radii.

    A molecule's lengths are medians over all ``structures`` of the same molecule (same atoms in the same order, same
    info ``molecule``), itself included: it may itself be distorted. A crystal's are its own, across its faces too.
    """
    reach = BONDED * 2 * covalent_radii[atoms.numbers].max()
    if atoms.pbc.any():
        first, second, lengths, images = neighbour_list("ijdS", atoms, float(reach))
        bonded = lengths < BONDED * (covalent_radii[atoms.numbers][first] + covalent_radii[atoms.numbers][second])
        forward = [tuple((j - i, *s)) > (0, 0, 0, 0) for i, j, s in zip(first, second, images, strict=True)]
        own = np.flatnonzero(bonded & np.array(forward, bool))  # each bond once
        return Bonds(np.stack([first[own], second[own]], 1), images[own] @ atoms.cell.array, lengths[own])
    same = [
        one.positions
        for one in structures
        if np.array_equal(one.numbers, atoms.numbers) and one.info.get("molecule") == atoms.info.get("molecule")
    ]
    first, second = np.triu_indices(len(atoms), 1)
    lengths = np.median([np.linalg.norm(x[second] - x[first], axis=1) for x in same or [atoms.positions]], axis=0)
    own = lengths < BONDED * (covalent_radii[atoms.numbers][first] + covalent_radii[atoms.numbers][second])
    return Bonds(np.stack([first[own], second[own]], 1), np.zeros((own.sum(), 3)), lengths[own])


def write_starts(path: str | Path, structures: Sequence[Atoms], bonds: Sequence[Bonds] | None) -> None:
    """Write structures with the bonds that must hold in each (None: no bond must), for ``read_starts``."""
    with writing(path) as add:
        for k, atoms in enumerate(structures):
            plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            plain.info["id"] = atoms.info["id"]
            if bonds is not None:
                own = {"pairs": bonds[k].pairs, "shifts": bonds[k].shifts, "lengths": bonds[k].lengths}
                text = json.dumps({key: np.round(value, 8).tolist() for key, value in own.items()})
                plain.info["bonds"] = text.replace('"', "'").replace(" ", "")
            add(plain)


def read_starts(path: str | Path) -> tuple[list[Atoms], list[Bonds] | None]:
    """What ``write_starts`` wrote."""
    structures = read_structures(path)
    texts = [atoms.info.pop("bonds", None) for atoms in structures]
    if texts[0] is None:
        return structures, None
    bonds = []
    for text in texts:
        own = json.loads(text.replace("'", '"'))
        shapes = {"pairs": (-1, 2), "shifts": (-1, 3), "lengths": (-1,)}
        kinds = {"pairs": np.int64, "shifts": float, "lengths": float}
        bonds.append(Bonds(**{key: np.array(own[key], kinds[key]).reshape(shapes[key]) for key in shapes}))
    return structures, bonds
