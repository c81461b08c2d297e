"""Energies along a bond, their harmonic frequencies, and lengths of bonds in structures."""

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, covalent_radii

from mftl.inputs import InputError
from mftl.observables.spectra import wavenumbers

NEAR = 1.4  # times the sum of covalent radii: longer pairs are no bonds
FEWEST = 4  # points of a parabola: three would always fit


def parabola(distances: np.ndarray, energies: np.ndarray, bond: str, reach: float) -> tuple[float, float, float]:
    """The harmonic wavenumber (cm⁻¹), the length (Å) and the energy (eV) at the minimum of a bond's energy.

    From a parabola through the points within ``reach`` (Å) of the lowest one; ``bond``: its elements, whose reduced
    mass counts, as if both atoms were alone. Raises InputError if too few points are so near.
    """
    lowest = distances[np.argmin(energies)]
    near = np.abs(distances - lowest) <= reach + 1e-9
    if near.sum() < FEWEST:
        raise InputError(f"{near.sum()} points within {reach} Å of {lowest:.3f} Å: too few for a parabola; scan finer")
    curvature, slope, rest = np.polyfit(distances[near] - lowest, energies[near], 2)
    middle = -slope / (2 * curvature)
    first, second = (atomic_masses[atomic_numbers[one]] for one in bond.split("-"))
    (wavenumber,) = wavenumbers(np.array([2 * curvature * (first + second) / (first * second)]))
    return float(wavenumber), float(lowest + middle), float(rest + slope * middle / 2)


def lengths(structures: Iterable[Atoms], bond: str) -> np.ndarray:
    """Distances (Å) of all bonded pairs of two elements, such as O-H, in molecules."""
    first, second = (atomic_numbers[one] for one in bond.split("-"))
    longest = NEAR * (covalent_radii[first] + covalent_radii[second])
    found = []
    for atoms in structures:
        apart = atoms.positions[atoms.numbers == first][:, None] - atoms.positions[atoms.numbers == second]
        distances = np.sqrt((apart**2).sum(-1)).ravel()
        found.append(distances[(distances < longest) & (distances > 0)])
    return np.concatenate(found) if found else np.empty(0)
