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
    """Root mean square errors of energies (meV/atom) and forces (meV/Å, nan if not computed), and a score.

    The score decides about early stopping. It weights absolute errors, not squared ones: with squares, one close
    contact among 100 validation structures decides when to stop (seen: after 3 epochs of 30, the test error still
    falling).
    """

    energy: float
    forces: float
    score: float

    def __str__(self) -> str:
        forces = "" if np.isnan(self.forces) else f" {self.forces:.0f} meV/Å"
        return f"{self.energy:.1f} meV/atom{forces}"


def measure(head: Head, graphs: list[Graph], settings: Training) -> Errors:
    """Errors of a head on labelled graphs with the weights it holds now.

    Where forces alone are learned, energies are compared up to a constant, which is not known before the end.
    """
    energies, forces = evaluate(head.model, graphs, use_forces=head.learns_forces(settings), forward=head.forward)
    energy = (energies - [g.energy for g in graphs]) / [len(g.positions) for g in graphs]
    if not settings.energy_weight:
        energy -= energy.mean()
    score = settings.energy_weight**0.5 * np.abs(energy).mean()
    if forces is None:
        return Errors(rmse(energy), float("nan"), float(score))
    force = forces - np.concatenate([g.forces for g in graphs])
    score += settings.forces_weight**0.5 * np.abs(force).mean()
    return Errors(rmse(energy), rmse(force), float(score))


def rmse(deviations: np.ndarray) -> float:
    """Root mean square of deviations in eV or eV/Å, in meV or meV/Å."""
    return float(MEV * np.mean(deviations**2) ** 0.5)
