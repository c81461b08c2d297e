"""ANI-1x and ANI-1ccx (Smith et al., Sci. Data 7, 134, 2020): molecules of H C N O by formula, in one HDF5 file.

A group for each formula (``C2H6``) with atomic_numbers (N,), coordinates (n, N, 3) in Å, ``wb97x_dz.energy`` (n,) in
Hartree and ``wb97x_dz.forces`` (n, N, 3) in Hartree/Å, of ωB97X/6-31G(d), and ``ccsd(t)_cbs.energy`` (n,) in Hartree,
NaN where it was not computed, for nine in ten. There are no forces at CCSD(T).
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms, units

from mftl.catalogue import Labelling
from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import Progress

DFT_ENERGY, DFT_FORCES = Labelling.keys("wb97x-dz")
CC_ENERGY, _ = Labelling.keys("ccsdt-cbs")
CC = "ccsd(t)_cbs.energy"


def read(
    paths: list[Path], count: int | None, seed: int, progress: Progress = iter, coupled: bool = False
) -> Iterator[Atoms]:
    """Yield a random sample; see ``published.read``. ``coupled``: of the structures with a label at CCSD(T).

    ``info``: ``id`` (``C2H6-000000``: formula and place in its group) and ``formula``. The file is gone through once
    for the places; of structures only the one that is yielded is in memory.
    """
    (path,) = paths
    with _open(path) as file:
        try:
            for entry in progress(sample(_listed(file, coupled, progress), count, seed)):
                yield _structure(file, *entry)
        except (KeyError, OSError, TypeError, IndexError) as error:  # also of what lies damaged inside
            raise InputError(f"{path} is not ANI-1x, whole ({error}); get it again") from None


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} is no HDF5 file, whole: {error}; get it again") from None


def _listed(file: h5py.File, coupled: bool, progress: Progress) -> Iterator[tuple[str, str, int]]:
    """Id, formula and place in its group of every structure."""
    logging.info("listing %s", file.filename)
    for formula in progress(file):
        group = file[formula]
        wanted = np.isfinite(group[CC][()]) if coupled else np.ones(len(group["coordinates"]), bool)
        for place in np.flatnonzero(wanted).tolist():
            yield f"{formula}-{place:06d}", formula, place


def _structure(file: h5py.File, one: str, formula: str, place: int) -> Atoms:
    group = file[formula]
    numbers, positions = group["atomic_numbers"][()].astype(int), group["coordinates"][place]
    forces = group["wb97x_dz.forces"][place].astype(float) * units.Hartree
    if not positions.shape == forces.shape == (len(numbers), 3):
        raise InputError(f"{file.filename}: {one} has positions of shape {positions.shape}, forces {forces.shape}")
    info = {"id": one, "formula": formula, DFT_ENERGY: float(group["wb97x_dz.energy"][place] * units.Hartree)}
    if np.isfinite(coupled := group[CC][place]):
        info[CC_ENERGY] = float(coupled * units.Hartree)
    atoms = Atoms(numbers=numbers, positions=positions.astype(float), info=info)
    atoms.arrays[DFT_FORCES] = forces
    return atoms
