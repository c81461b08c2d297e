"""Snapshots of Langevin dynamics of a molecule at a level of theory, whose engine computes the forces of each step.

The molecule starts at its minimum, with velocities drawn at the temperature, at rest and without rotation as a whole.
The thermostat acts on all atoms alike (BAOAB), so that after the equilibration the molecule moves and rotates like any
other; snapshots have the centre of mass at the origin.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed

from mftl.dynamics.integrators import Evaluation, State, baoab, maxwell_boltzmann
from mftl.dynamics.starts import Bonds, reference_bonds
from mftl.engines import Structure
from mftl.inputs import InputError
from mftl.structures import Progress
from mftl.systems import minima

if TYPE_CHECKING:
    from mftl.pools.molecule_dynamics import MoleculeDynamicsPool

STRETCHED = 1.5  # times its length at the minimum: a bond that long is broken


def sample(pool: "MoleculeDynamicsPool", progress: Progress = iter) -> list[Atoms]:
    """The snapshots of a pool, in its order.

    ``info``: ``id`` (``<name>-<k>``, k-th in time), ``molecule``, ``smiles`` if it is given, ``temperature`` of the
    thermostat, K, and ``time`` since the end of the equilibration, ps. The same seeds give the same snapshots.
    Raises InputError, naming the step, if a bond breaks or the engine fails.
    """
    rng = np.random.default_rng(pool.seed)
    found = {}
    with minima.relaxed(pool, rng) as atoms:
        first, every = pool.steps(pool.equilibration), pool.steps(pool.interval)
        for step, state in trajectory(pool, atoms, first + pool.samples * every, rng, progress):
            k, between = divmod(step - first, every)
            if k > 0 and not between:
                new = Atoms(atoms.numbers, state.positions, info={"id": pool.id_of(k - 1)} | atoms.info)
                new.positions -= new.get_center_of_mass()
                new.info |= {"temperature": pool.temperature, "time": round(k * pool.interval, 6)}
                found[pool.id_of(k - 1)] = new
    return [found[one] for one in pool.told["id"]]


def trajectory(
    pool: "MoleculeDynamicsPool", atoms: Atoms, steps: int, rng: np.random.Generator, progress: Progress = iter
) -> Iterator[tuple[int, State]]:
    """Yield the number of each step, from 1, and the state after it, which the next step changes.

    ``atoms``: the molecule at its minimum, with an ``EngineCalculator``. Raises as ``sample``.
    """
    bonds, structure = reference_bonds(atoms), Structure.of(atoms)

    def forces(positions: np.ndarray) -> Evaluation:
        # not as ASE's calculator, which takes as long as the engine
        answer = atoms.calc.ask(replace(structure, positions=positions.tolist()))
        return Evaluation(np.array([answer["energy"]]), np.array(answer["forces"]), np.array([np.inf]))

    masses = atoms.get_masses()[:, None]
    velocities = maxwell_boltzmann(masses, pool.temperature, rng)
    velocities -= _rotation(atoms.positions - atoms.get_center_of_mass(), velocities, masses)
    state = State(atoms.positions.copy(), velocities, masses, forces(atoms.positions))
    step, friction = pool.time_step * units.fs, pool.friction / (1000 * units.fs)
    for k in progress(range(1, steps + 1)):
        try:
            baoab(state, forces, step, friction, pool.temperature, rng.standard_normal(velocities.shape))
        except CalculationFailed as error:
            raise _failed(pool, k, steps, str(error)) from None
        if broken := _broken(atoms, bonds, state.positions):
            raise _failed(pool, k, steps, broken)
        yield k, state


def _rotation(positions: np.ndarray, velocities: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Velocities (N, 3) of the rotation as a whole; positions from the centre of mass, which is at rest."""
    momentum = (masses * np.cross(positions, velocities)).sum(0)
    inertia = (masses * (positions**2).sum(1, keepdims=True)).sum() * np.eye(3) - (masses * positions).T @ positions
    # a linear molecule does not rotate about its axis
    return np.cross(np.linalg.lstsq(inertia, momentum, rcond=1e-8)[0], positions)


def _broken(atoms: Atoms, bonds: Bonds, positions: np.ndarray) -> str:
    """Which bond is broken; empty if none is."""
    lengths = np.linalg.norm(positions[bonds.pairs[:, 1]] - positions[bonds.pairs[:, 0]], axis=1)
    whole = lengths <= STRETCHED * bonds.lengths  # false where a number is not finite
    if whole.all():
        return ""
    k = int(np.flatnonzero(~whole)[0])
    first, second = (f"{atoms.symbols[i]}{i}" for i in bonds.pairs[k])
    return f"the bond {first}-{second} is {lengths[k]:.2f} Å long, {bonds.lengths[k]:.2f} at the minimum"


def _failed(pool: "MoleculeDynamicsPool", step: int, steps: int, why: str) -> InputError:
    return InputError(
        f"{pool.name}: at step {step} of {steps} ({step * pool.time_step / 1000:.3f} ps) {why}; lower `temperature` or "
        "`time_step`, take another `seed`, or fewer `samples`"
    )
