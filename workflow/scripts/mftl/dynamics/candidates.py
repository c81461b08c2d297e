"""How far the members of a committee are apart in each replica, and structures that are candidates for labels.

A replica is uncertain where the members differ in the force on an atom by more than a limit: the largest over atoms of
√⟨|F − ⟨F⟩|²⟩, the measure of Zhang et al., Comput. Phys. Commun. 253, 107206 (2020).
"""

import numpy as np
from ase import Atoms

from mftl.dynamics.integrators import Evaluation
from mftl.structures import frame


def mean_spreads(now: Evaluation, starts: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Root mean square of the standard deviations of a committee's forces in each replica (R,), eV/Å; 0 of one model.

    ``starts`` (R,): where in the arrays of all atoms a replica begins; ``atoms`` (R,): how many it has.
    """
    if now.deviations is None:
        return np.zeros(len(starts))
    return np.sqrt(np.add.reduceat((now.deviations**2).mean(1), starts) / atoms)


def largest_spreads(now: Evaluation, starts: np.ndarray) -> np.ndarray:
    """Largest standard deviation of the force on an atom in each replica (R,), eV/Å; 0 of one model."""
    if now.deviations is None:
        return np.zeros(len(starts))
    return np.sqrt(np.maximum.reduceat((now.deviations**2).sum(1), starts))


def candidate(atoms: Atoms, name: str, replica: int, time: float, largest: float) -> str:
    """A structure as text, with an id of its own: ``name``."""
    atoms.info = {"id": name, "replica": replica, "time_ps": time, "max_force_deviation": round(largest, 6)}
    return frame(atoms)
