"""Radial and angular distribution functions of periodic structures."""

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from mftl.inputs import InputError


def radial_distribution(atoms: Atoms, r_max: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances (bins,) in Å, the middles of bins up to ``r_max``, and g(r) (bins,): 1 where atoms are independent.

    All periodic images count, so ``r_max`` may exceed half the cell; atoms are N of N, not N - 1, also with their own
    images. Raises InputError if the structure is not periodic in all directions: it has no density.
    """
    if not atoms.pbc.all():
        raise InputError(f"structure {atoms.info.get('id', atoms.symbols)} is not periodic: it has no density")
    edges = np.linspace(0.0, r_max, bins + 1)
    counts, _ = np.histogram(neighbour_list("d", atoms, float(r_max)), edges)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    return (edges[1:] + edges[:-1]) / 2, counts / (len(atoms) ** 2 / atoms.get_volume() * shells)


def angular_distribution(atoms: Atoms, shell: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles (bins,) in degrees, the middles of bins from 0 to 180, and their distribution (bins,) per degree.

    The angles at an atom between all pairs of its neighbours closer than ``shell`` (Å); its integral is 1, or 0 if
    there is no such angle.
    """
    edges = np.linspace(0.0, 180.0, bins + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    centres, vectors = neighbour_list("iD", atoms, float(shell))
    if not len(centres):
        return middles, np.zeros(bins)
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    numbers = np.bincount(centres, minlength=len(atoms))
    first = np.cumsum(numbers) - numbers
    padded = np.full((len(atoms), numbers.max(), 3), np.nan)
    padded[centres, np.arange(len(centres)) - first[centres]] = units
    one, other = np.triu_indices(numbers.max(), 1)
    cosines = np.einsum("nij,nij->ni", padded[:, one], padded[:, other])
    angles = np.degrees(np.arccos(np.clip(cosines[np.isfinite(cosines)], -1, 1)))
    counts, _ = np.histogram(angles, edges)
    return middles, counts / max(counts.sum() * 180.0 / bins, 1e-300)
