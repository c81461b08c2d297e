"""Displacements of each coordinate of a molecule from its minimum, from whose forces harmonic frequencies are made."""

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from mftl.structures import Progress
from mftl.systems import minima

if TYPE_CHECKING:
    from mftl.pools.displacements import DisplacementsPool


def sample(pool: "DisplacementsPool", progress: Progress = iter) -> list[Atoms]:
    """Two structures for each of the 3N coordinates.

    ``info``: ``id`` (``<name>-<atom><x|y|z><+|->``), ``molecule``, ``smiles`` if it is given, and what moved: ``atom``,
    ``axis`` (0 to 2) and ``displacement`` (Å, with its sign).
    Raises InputError if the molecule has no minimum at the pool's level.
    """
    with minima.relaxed(pool, np.random.default_rng(pool.seed)) as atoms:
        minimum = Atoms(atoms.numbers, atoms.positions, info=atoms.info)
    found = []
    for k in progress(range(len(minimum))):
        for axis, name in enumerate("xyz"):
            for sign, word in ((1, "+"), (-1, "-")):
                moved = {"atom": k, "axis": axis, "displacement": sign * pool.displacement}
                info = {"id": f"{pool.name}-{k}{name}{word}"} | minimum.info | moved
                one = Atoms(minimum.numbers, minimum.positions, info=info)
                one.positions[k, axis] += moved["displacement"]
                found.append(one)
    return found
