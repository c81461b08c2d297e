"""Revised MD17 at PBE/def2-SVP (Christensen, von Lilienfeld, Mach. Learn.: Sci. Technol. 1, 045018, 2020).

A file of arrays for each molecule, ``rmd17_<molecule>.npz``, also in one archive ``rmd17.tar.bz2``: nuclear_charges
(N,), coords (n, N, 3) in Å, energies (n,) in kcal/mol, forces (n, N, 3) in kcal/mol/Å, and old_indices (n,), the places
in the trajectories of MD17, at 500 K.
"""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from zlib import error as ZlibError

import numpy as np
from ase import Atoms, units

from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress

KCAL = units.kcal / units.mol  # eV
KEYS = ("nuclear_charges", "coords", "energies", "forces", "old_indices")


def read(molecule: str, paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample of a molecule; see ``published.read``. ``paths``: its file, or the archive.

    ``info``: ``id`` (``aspirin-000000``), ``molecule`` and ``old_index``, the place in MD17.
    """
    (path,) = paths
    numbers, positions, energies, forces, old = _arrays(path, molecule)
    entries = ((f"{molecule}-{i:06d}", i) for i in range(len(positions)))
    for one, i in progress(sample(entries, count, seed)):
        info = {"id": one, "molecule": molecule, "old_index": int(old[i]), ENERGY: float(energies[i] * KCAL)}
        atoms = Atoms(numbers=numbers.astype(int), positions=positions[i], info=info)
        atoms.arrays[FORCES] = forces[i] * KCAL
        yield atoms


def _arrays(path: Path, molecule: str) -> list[np.ndarray]:
    """The arrays of ``KEYS``. Raises InputError if the file is damaged or not as published."""
    try:
        with np.load(path if path.suffix == ".npz" else _unpacked(path, f"rmd17_{molecule}.npz")) as data:
            arrays = [np.array(data[key]) for key in KEYS]
    except (zipfile.BadZipFile, tarfile.TarError, ZlibError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} does not hold {molecule} whole ({error}); get it again") from None
    numbers, positions, energies, forces, old = arrays
    shape = (len(positions), len(numbers), 3)
    if {positions.shape, forces.shape} != {shape} or {energies.shape, old.shape} != {shape[:1]}:
        raise InputError(f"{path} does not hold {molecule} as published: arrays of other shapes; get it again")
    return arrays


def _unpacked(path: Path, name: str) -> io.BytesIO:
    """A member of an archive, read from the start up to it."""
    with tarfile.open(path, "r|bz2") as archive:
        for member in archive:
            if Path(member.name).name == name and (file := archive.extractfile(member)):
                return io.BytesIO(file.read())
    raise KeyError(f"no {name}")
