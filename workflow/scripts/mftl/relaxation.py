"""Relaxation of many structures at once with one model, their cells too where they have one.

FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)), for each structure on its own, with forces of all in one
batch. Cells move as in ASE's ``UnitCellFilter``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from ase import Atoms
from ase.units import GPa

from mftl.holes import CLOSE, closest
from mftl.lean import find_forward
from mftl.prediction import predict_with_stress

LONGEST_MOVE = 0.2  # Å, of an atom in a step
SMALLEST, LARGEST = 0.1, 10.0  # times the volume at the start: beyond, a cell is left as it is
RELAXED, UNFINISHED, CLOSE_ATOMS, COLLAPSED, EXPANDED, NOT_FINITE = (
    "relaxed", "unfinished", "close atoms", "collapsed", "expanded", "not finite")  # fmt: skip
LOST = {CLOSE_ATOMS, COLLAPSED, EXPANDED, NOT_FINITE}


@dataclass
class Moving:
    """One structure on its way; ``state`` says how it ended."""

    atoms: Atoms
    pressure: float  # eV/Å³
    state: str = UNFINISHED
    steps: int = 0
    energy: float = float("nan")
    cell: np.ndarray = field(init=False)  # at the start, (3, 3), Å
    places: np.ndarray = field(init=False)  # (N, 3), Å, as if the cell had not moved; with a cell (N + 3, 3)
    velocities: np.ndarray = field(init=False)
    step: float = 0.1
    mixing: float = 0.1
    downhill: int = 0

    def __post_init__(self):
        self.cell = np.array(self.atoms.cell)
        self.places = self.atoms.positions.copy()
        if self.atoms.pbc.all():
            self.places = np.concatenate([self.places, len(self.atoms) * np.eye(3)])
        self.velocities = np.zeros_like(self.places)

    def slopes(self, forces: np.ndarray, stress: np.ndarray | None) -> np.ndarray:
        """What moves the places, in eV/Å, from forces (N, 3) and stress (3, 3) in eV/Å³."""
        if stress is None:
            return forces
        count = len(self.atoms)
        gradient = self.places[count:] / count
        virial = -self.atoms.get_volume() * (stress + self.pressure * np.eye(3))
        return np.concatenate([forces @ gradient, np.linalg.solve(gradient, virial.T).T / count])

    def move(self, slopes: np.ndarray) -> None:
        """One step of FIRE."""
        if np.vdot(slopes, self.velocities) > 0:
            speed, strength = np.linalg.norm(self.velocities), np.linalg.norm(slopes)
            self.velocities = (1 - self.mixing) * self.velocities + self.mixing * speed / strength * slopes
            if self.downhill > 5:
                self.step, self.mixing = min(1.1 * self.step, 1.0), 0.99 * self.mixing
            self.downhill += 1
        else:
            self.velocities = np.zeros_like(self.places)
            self.step, self.mixing, self.downhill = 0.5 * self.step if self.steps else self.step, 0.1, 0
        self.velocities = self.velocities + self.step * slopes
        change = self.step * self.velocities
        change *= min(1.0, LONGEST_MOVE / max(np.linalg.norm(change, axis=1).max(), 1e-12))
        self.places = self.places + change
        self.steps += 1
        if not self.atoms.pbc.all():
            self.atoms.positions = self.places
            return
        count = len(self.atoms)
        gradient = self.places[count:] / count
        self.atoms.set_cell(self.cell @ gradient.T)
        self.atoms.positions = self.places[:count] @ gradient.T

    def ended(self, slopes: np.ndarray, largest: float) -> str:
        """Why it goes no further; empty if it does."""
        if not (np.isfinite(slopes).all() and np.isfinite(self.energy)):
            return NOT_FINITE
        if closest(self.atoms) < CLOSE:
            return CLOSE_ATOMS  # what follows would cost much and change nothing
        if self.atoms.pbc.all():
            ratio = self.atoms.get_volume() / abs(np.linalg.det(self.cell))
            if not SMALLEST < ratio < LARGEST:
                return COLLAPSED if ratio < 1 else EXPANDED
        return RELAXED if np.linalg.norm(slopes, axis=1).max() < largest else ""


def relax(
    model: torch.nn.Module,
    structures: list[Atoms],
    steps: int,
    largest: float,
    pressure: float = 0.0,
    device: str = "cpu",
    report: Callable[[int], object] = lambda _: None,
) -> list[Moving]:
    """Relax copies of structures, all with a cell or all without, for so many ``steps`` at most.

    Until no force (and, of a cell, no virial for an atom) is above ``largest``, eV/Å; ``pressure`` in GPa. A structure
    stops moving too where two atoms come closer than half the sum of their covalent radii, or its volume leaves all
    bounds. Energies are those of what is returned. ``report`` hears how many still move.
    """
    periodic = all(atoms.pbc.all() for atoms in structures)
    forward, _ = find_forward(model.eval(), stress=periodic)
    found = [Moving(atoms.copy(), pressure * GPa) for atoms in structures]
    moving = found
    for step in range(steps + 1):
        energies, forces, stresses = predict_with_stress(
            model, [one.atoms for one in moving], device=device, forward=forward, use_stress=periodic
        )
        going = []
        for k, one in enumerate(moving):
            one.energy = float(energies[k])
            slopes = one.slopes(forces[k], None if stresses is None else stresses[k])
            if reason := one.ended(slopes, largest):
                one.state = reason
            elif step < steps:
                one.move(slopes)
                going.append(one)
        moving = going
        report(len(moving))
        if not moving:
            break
    return found
