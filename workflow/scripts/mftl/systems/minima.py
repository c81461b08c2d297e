"""The minimum of a molecule at a level of theory, from which the structures of its pool are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed

from mftl import engines
from mftl.engine_calculator import EngineCalculator
from mftl.inputs import InputError
from mftl.structures import Structures
from mftl.systems.molecules import MAX_STEPS, embedded, relax

if TYPE_CHECKING:
    from mftl.config.levels import EngineLevel
    from mftl.pools.molecule import MoleculePool


@contextmanager
def relaxed(pool: "MoleculePool", rng: np.random.Generator) -> Iterator[Atoms]:
    """The molecule of a pool at a minimum of its level, calculator attached; ``rng`` gives the embedding's seed.

    ``info``: ``molecule``, the pool's name, and ``smiles`` if it has one.
    Raises InputError, naming the pool, if there is no such geometry, or if the level's engine cannot treat it.
    """
    atoms = _unrelaxed(pool, int(rng.integers(2**31 - 1)))
    atoms.info = {"molecule": pool.name} | ({"smiles": pool.smiles} if pool.smiles else {})
    with computed(atoms, pool.name, pool.level):
        try:
            done = relax(atoms)
        except CalculationFailed as error:
            raise InputError(f"{pool.name}: relaxing it failed: {error}; give another `level` or `start`") from None
        if not done:
            raise InputError(
                f"{pool.name}: no minimum after {MAX_STEPS} steps of relaxation; give `start`, a geometry close to one"
            )
        yield atoms


@contextmanager
def computed(atoms: Atoms, name: str, level: "EngineLevel") -> Iterator[None]:
    """Atoms of a pool have the calculator of a level, which ends with the ``with`` block.

    Raises InputError, naming the pool, if the level's engine cannot treat them.
    """
    try:
        engines.check([atoms], level)
        atoms.calc = EngineCalculator(level)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    try:
        yield
    finally:
        atoms.calc.close()


def _unrelaxed(pool: "MoleculePool", seed: int) -> Atoms:
    """Where the relaxation begins."""
    if pool.start is None:
        try:
            return embedded(str(pool.smiles), seed)
        except InputError as error:
            raise InputError(f"{pool.name}: {error}") from None
    atoms = Structures(pool.start).at(0)
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
