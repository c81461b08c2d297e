"""Scans of a bond: a molecule at its minimum, whose smaller part on one side of the bond moves as a whole."""

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mftl.dynamics.starts import reference_bonds
from mftl.inputs import InputError
from mftl.structures import Progress
from mftl.systems import minima

if TYPE_CHECKING:
    from mftl.pools.bond_scan import BondScanPool


def sample(pool: "BondScanPool", progress: Progress = iter) -> list[Atoms]:
    """The structures of a pool, from the shortest to the longest bond.

    ``info``: ``id`` (``<name>-<bond>-<k>``), ``molecule``, ``smiles`` if it is given, and ``distance``, the
    bond's length in Å. Of the two parts that the bond joins the lighter one moves along the bond, the second atom's if
    they are equal.
    Raises InputError if there is no such bond, or if it is in a ring.
    """
    with minima.relaxed(pool, np.random.default_rng(pool.seed)) as atoms:
        fixed, moved = bond_of(pool, atoms)
    part = _part(pool, atoms, fixed, moved)
    masses = atoms.get_masses()
    if masses[part].sum() > masses[~part].sum():
        fixed, moved, part = moved, fixed, ~part
    axis = atoms.positions[moved] - atoms.positions[fixed]
    length = np.linalg.norm(axis)
    scan = []
    for one, distance in progress(list(zip(pool.ids() or [], pool.distances(), strict=True))):
        new = Atoms(atoms.numbers, atoms.positions, info={"id": one} | atoms.info | {"distance": distance})
        new.positions[part] += (distance / length - 1) * axis
        scan.append(new)
    return scan


def bond_of(pool: "BondScanPool", atoms: Atoms) -> tuple[int, int]:
    """The two atoms of the bond. Raises InputError, with the bonds that there are, if these are not bonded."""
    pairs = reference_bonds(atoms).pairs.tolist()
    wanted = sorted(pool.bond.split("-"))
    for first, second in pairs:
        if wanted in (sorted(map(str, (first, second))), sorted((atoms.symbols[first], atoms.symbols[second]))):
            return first, second
    bonds = ", ".join(f"{i}-{j} ({atoms.symbols[i]}-{atoms.symbols[j]})" for i, j in pairs)
    raise InputError(f"{pool.name}: bond: got {pool.bond}; valid: one of {bonds}")


def _part(pool: "BondScanPool", atoms: Atoms, fixed: int, moved: int) -> np.ndarray:
    """Which atoms (N,) hang on ``moved`` once the bond is cut. Raises InputError if all still do."""
    pairs = np.array([one for one in reference_bonds(atoms).pairs.tolist() if set(one) != {fixed, moved}], int)
    graph = coo_array((np.ones(len(pairs)), pairs.reshape(-1, 2).T), shape=(len(atoms), len(atoms)))
    _, parts = connected_components(graph, directed=False)
    if parts[fixed] == parts[moved]:
        raise InputError(f"{pool.name}: bond: {pool.bond} is in a ring; stretching it would change other bonds too")
    return parts == parts[moved]
