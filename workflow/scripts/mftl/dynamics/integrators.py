"""Steps of molecular dynamics, as functions of a state; ``forces`` is any function of the positions.

Units are ASE's: Å, eV, atomic mass units, and times in Å√(u/eV) (``ase.units.fs`` is a femtosecond). Arrays of all
atoms of all replicas: nothing here depends on where one replica ends.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import units


@dataclass
class Evaluation:
    """What a force function returns, of N atoms in R replicas."""

    energies: np.ndarray  # (R,), eV
    forces: np.ndarray  # (N, 3), eV/Å
    closest: np.ndarray  # (R,), smallest distance of two atoms, Å; inf if none is within reach or it is not known
    stresses: np.ndarray | None = None  # (R, 3, 3), eV/Å³, where asked for
    deviations: np.ndarray | None = None  # (N, 3), of a committee: standard deviations of its members' forces, eV/Å


Forces = Callable[[np.ndarray], Evaluation]


@dataclass
class State:
    """Positions (N, 3) in Å, velocities (N, 3), masses (N, 1) in u, and what the forces are at these positions."""

    positions: np.ndarray
    velocities: np.ndarray
    masses: np.ndarray
    now: Evaluation


def kick(state: State, time: float) -> None:
    """v += t F/m (the B of BAOAB)."""
    state.velocities += time * state.now.forces / state.masses


def drift(state: State, time: float) -> None:
    """x += t v (the A of BAOAB)."""
    state.positions += time * state.velocities


def thermostat(state: State, time: float, friction: float, temperature: float, noise: np.ndarray) -> None:
    """The Ornstein-Uhlenbeck step, v = c v + √((1 - c²) kT/m) ξ with c = exp(-γ t): exact (the O of BAOAB).

    ``friction`` γ in inverse time, ``temperature`` in K, ``noise`` (N, 3) standard normal.
    """
    damping = np.exp(-friction * time)
    width = np.sqrt((1 - damping**2) * units.kB * temperature / state.masses)
    state.velocities *= damping
    state.velocities += width * noise


def velocity_verlet(state: State, forces: Forces, dt: float) -> None:
    """One step at constant energy; symplectic, so that the energy's error is of order dt² and does not grow."""
    kick(state, dt / 2)
    drift(state, dt)
    state.now = forces(state.positions)
    kick(state, dt / 2)


def baoab(state: State, forces: Forces, dt: float, friction: float, temperature: float, noise: np.ndarray) -> None:
    """One step of Langevin dynamics, split as B A O A B; its averages of positions have errors of order dt² at most.

    Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34 (2013), doi:10.1093/amrx/abs010.
    """
    kick(state, dt / 2)
    drift(state, dt / 2)
    thermostat(state, dt, friction, temperature, noise)
    drift(state, dt / 2)
    state.now = forces(state.positions)
    kick(state, dt / 2)


def cell_rescaling(
    volumes: np.ndarray,
    pressures: np.ndarray,
    pressure: float,
    compressibility: float,
    time: float,
    dt: float,
    temperature: float,
    noise: np.ndarray,
) -> np.ndarray:
    """By which factor (R,) a step at constant pressure lengthens cells and positions; velocities go by its inverse.

    dε = -β/τ (P₀ - P) dt + √(2 kT β/(V τ)) dW for ε = ln V: volumes as at constant pressure. ``volumes`` V and
    ``pressures`` P (R,) in ASE's units, as ``pressure`` P₀ and ``compressibility`` β; ``time`` τ; ``noise`` (R,).
    Bernetti and Bussi, J. Chem. Phys. 153, 114107 (2020), doi:10.1063/5.0020514.
    """
    drift = -compressibility / time * (pressure - pressures) * dt
    width = np.sqrt(2 * units.kB * temperature * compressibility / (volumes * time) * dt)
    return np.exp((drift + width * noise) / 3)


def maxwell_boltzmann(masses: np.ndarray, temperature: float, random: np.random.Generator) -> np.ndarray:
    """Velocities (N, 3) of one replica, drawn at a temperature (K), without motion of the centre of mass.

    ``masses`` (N, 1). What is left has 3N - 3 degrees of freedom with kT/2 each.
    """
    velocities = random.standard_normal((len(masses), 3)) * np.sqrt(units.kB * temperature / masses)
    return velocities - (masses * velocities).sum(0) / masses.sum()


def kinetic_energies(state: State, starts: np.ndarray) -> np.ndarray:
    """Kinetic energy of each replica, eV, (R,); ``starts`` (R,) is where the atoms of each begin."""
    return np.add.reduceat((0.5 * state.masses * state.velocities**2).sum(1), starts)
