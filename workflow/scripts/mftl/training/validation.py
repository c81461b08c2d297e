"""Validation: errors of the model as it is, and the score that decides when to stop."""

from dataclasses import dataclass

import numpy as np

from mftl.config.training import Training
from mftl.graphs import Graph
from mftl.prediction import evaluate
from mftl.training.heads import Head

MEV = 1000.0  # meV in an eV


@dataclass
class Errors:
    """Root mean square errors of energies (meV/atom), forces (meV/Å) and stress (meV/Å³), and a score.

    Errors of what is not computed are nan.
    The score decides about early stopping. It weights absolute errors, not squared ones: with squares, one close
    contact among 100 validation structures decides when to stop (seen: after 3 epochs of 30, the test error still
    falling).
    """

    energy: float
    forces: float
    stress: float = float("nan")
    score: float = 0.0

    def __str__(self) -> str:
        forces = "" if np.isnan(self.forces) else f" {self.forces:.0f} meV/Å"
        stress = "" if np.isnan(self.stress) else f" {self.stress:.2f} meV/Å³"
        return f"{self.energy:.1f} meV/atom{forces}{stress}"


def measure(head: Head, graphs: list[Graph], settings: Training) -> Errors:
    """Errors of a head on labelled graphs with the weights it holds now.

    Where forces alone are learned, energies are compared up to a constant, which is not known before the end.
    """
    learned = head.learns_forces(settings), head.learns_stress(settings)
    energies, forces, stresses = evaluate(head.model, graphs, None, *learned, forward=head.forward)
    energy = (energies - [g.energy for g in graphs]) / [len(g.positions) for g in graphs]
    if not settings.energy_weight:
        energy -= energy.mean()
    found = Errors(rmse(energy), float("nan"), score=float(settings.energy_weight**0.5 * np.abs(energy).mean()))
    if forces is not None:
        force = forces - np.concatenate([g.forces for g in graphs])
        found.forces = rmse(force)
        found.score += float(settings.forces_weight**0.5 * np.abs(force).mean())
    if stresses is not None:
        stress = stresses - np.array([np.asarray(g.stress) for g in graphs])
        found.stress = rmse(stress)
        found.score += float(settings.stress_weight**0.5 * np.abs(stress).mean())
    return found


def rmse(deviations: np.ndarray) -> float:
    """Root mean square of deviations in eV or eV/Å, in meV or meV/Å."""
    return float(MEV * np.mean(deviations**2) ** 0.5)
