"""How far a single model may be off: from what its last layers saw in training (LLPR).

With φ the derivatives of a structure's energy by the last layers' weights and J those of its forces
(``mftl.features``), C = Σ w_E (φ/N)(φ/N)ᵀ + w_F JᵀJ/3N over training structures, and σ² = α² φᵀ(C + ς²)⁻¹φ for
energies; for the force on an atom it is the mean over its three rows of J, which does not turn with the structure.
Where training saw nothing alike, σ is large. ς is what makes errors on a validation set most likely, α their scale, one
for energies and one for forces; errors have long tails, so both are by absolute errors.

Source: Bigi, Chong, Ceriotti and Grasselli, 10.1088/2632-2153/ad805f. Spreads level off far from the data, where errors
go on growing: a large σ says that a prediction is bad, not how bad.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve

from mftl import calibration
from mftl.config.training import Training
from mftl.datasets import Labelled
from mftl.features import LastLayer, Seen, graphs_of
from mftl.inputs import InputError
from mftl.prediction import predict

RIDGES = 10.0 ** np.arange(-8.0, 2.0)  # ς² over the mean eigenvalue of C
FILE = "last-layer.npz"  # beside an exported model
FLOOR = 0.05  # quantile below which no variance of a force is: that on an atom alone is zero, whatever the weights


@dataclass(eq=False)
class Uncertainty:
    """What makes sigmas of what a model sees: the inverse of C + ς² (D, D), α of energies and of forces, a floor."""

    inverse: np.ndarray
    energy_scale: float = 1.0
    forces_scale: float = 1.0
    least: float = 0.0  # variance of a force, before α

    def energy(self, seen: Seen) -> float:
        """Sigma of the energy of a structure, eV."""
        return self.energy_scale * float(np.sqrt(seen.phi @ self.inverse @ seen.phi))

    def forces(self, seen: Seen) -> np.ndarray:
        """Sigmas of a component of the force on each atom (N,), eV/Å; ``seen`` must have rows."""
        assert seen.rows is not None
        squares = ((seen.rows @ self.inverse) * seen.rows).sum(1).reshape(-1, 3).mean(1)
        return self.forces_scale * np.sqrt(np.maximum(squares, self.least))

    def write(self, path: str | Path, weights: np.ndarray) -> None:
        """Write it with the weights (D,) of the last layers that it is of."""
        np.savez_compressed(path, weights=weights, **asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> tuple["Uncertainty", np.ndarray]:
        """What was written, and the weights (D,). Raises InputError if there is no such file."""
        if not Path(path).is_file():
            raise InputError(f"{path} is not there; `snakemake results/export/<curve>/{FILE}` writes it")
        with np.load(path) as stored:
            values = dict(stored)
        weights = values.pop("weights")
        return cls(values.pop("inverse"), **{key: float(value) for key, value in values.items()}), weights


def covariance(seen: Iterable[Seen], sizes: Iterable[int], settings: Training) -> np.ndarray:
    """C (D, D) of training structures of ``sizes`` atoms, weighted as their loss is."""
    total: np.ndarray | float = 0.0
    for one, size in zip(seen, sizes, strict=True):
        own = one.phi / size
        total = total + settings.energy_weight * np.outer(own, own)
        if one.rows is not None:
            total = total + settings.forces_weight * one.rows.T @ one.rows / len(one.rows)
    if not isinstance(total, np.ndarray):
        raise InputError("an uncertainty needs at least one training structure")
    return total


def learn(model: torch.nn.Module, training: Labelled, validation: Labelled, settings: Training) -> Uncertainty:
    """The uncertainty of a model that was trained on ``training``; ``validation`` gives ς and the scales.

    On the model's device. Sigmas are of energies, and where labels have forces of those. Raises InputError for a model
    whose last layers are not known, or without validation structures.
    """
    if not len(validation):
        raise InputError("an uncertainty needs validation structures: errors of these scale it")
    last, rows = LastLayer(model), training.forces is not None
    sizes = [len(atoms) for atoms in training.structures]
    known = covariance(last.of(graphs_of(model, training.structures), rows), sizes, settings)
    device = str(next(model.parameters()).device)
    energies, forces = predict(model, validation.structures, device=device)
    seen = list(last.of(graphs_of(model, validation.structures), validation.forces is not None))
    counts = np.array([len(atoms) for atoms in validation.structures])
    off = (energies - validation.energies) / counts
    pulls = None
    if validation.forces is not None:
        pulls = np.concatenate([(a - b).ravel() for a, b in zip(forces, validation.forces, strict=True)])
    mean = float(np.trace(known)) / len(known)
    best: tuple[float, Uncertainty] | None = None
    for ridge in RIDGES:
        inverse = cho_solve(cho_factor(known + ridge * mean * np.eye(len(known))), np.eye(len(known)))
        found = Uncertainty(inverse)
        sigmas = np.array([found.energy(one) for one in seen]) / counts
        found.energy_scale = calibration.scale(off, sigmas, robust=True)
        surprise = np.log(found.energy_scale * sigmas).mean()  # but for constants, of a Laplace distribution
        if pulls is not None:
            found.least = float(np.quantile(np.concatenate([found.forces(one) for one in seen]), FLOOR)) ** 2
            spreads = np.repeat(np.concatenate([found.forces(one) for one in seen]), 3)
            found.forces_scale = calibration.scale(pulls, spreads, robust=True)
            surprise += np.log(found.forces_scale * spreads).mean()
        if best is None or surprise < best[0]:
            best = surprise, found
    assert best is not None
    return best[1]


def sigmas(
    model: torch.nn.Module, uncertainty: Uncertainty, data: Labelled, forces: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Sigmas of structures: of energies (n,) in eV and, if asked for, of forces on all atoms (atoms,) in eV/Å."""
    energies, spreads = [], []
    for one in LastLayer(model).of(graphs_of(model, data.structures), forces):
        energies.append(uncertainty.energy(one))
        if forces:
            spreads.append(uncertainty.forces(one))
    return np.array(energies), np.concatenate(spreads) if forces else None
