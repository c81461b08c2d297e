"""QM7-X: 4.2 million configurations of small molecules at PBE0+MBD (Hoja et al., Sci. Data 8, 43, 2021).

Eight HDF5 files, compressed: molecule / conformation / data sets. A conformation is called ``Geom-m1-i1-c1-opt`` or
``Geom-m1-i1-c1-7``: SMILES, isomer and conformer, then ``opt`` (at the DFTB3+MBD minimum) or one of 100 displaced along
its normal modes. ``DupMols.dat`` names the conformers, with ``-opt``, that another molecule already has.
"""

import logging
import lzma
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms

from mftl.catalogue import RECEIPTS
from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress

KEYS = {"numbers": "atNUM", "positions": "atXYZ", "energy": "ePBE0+MBD", "forces": "totFOR"}  # Å, eV, eV/Å


def read(paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample, without duplicates; see ``published.read``. ``paths``: the HDF5 files and DupMols.dat.

    ``info``: ``id`` (``<molecule>-m1-i1-c1-opt``), ``molecule``, ``conformer`` and ``sampling`` (opt or displaced).
    The names of all configurations are listed, but only the chosen ones are read.
    """
    *archives, duplicates_file = paths
    duplicates = {line.strip().rpartition("-")[0] for line in duplicates_file.read_text().splitlines() if line.strip()}
    with ExitStack() as stack:
        files = [stack.enter_context(_open(unpacked(path))) for path in archives]
        for atoms in progress(sample(_listed(files, duplicates, progress), count, seed)):
            yield _configuration(files[atoms[1]], *atoms)


def unpacked(path: Path) -> Path:
    """The HDF5 file of an archive, unpacked once: beside it, or with the receipts if that folder cannot be written.

    Raises InputError if the archive is cut short.
    """
    places = [path.with_suffix(".hdf5"), Path(RECEIPTS) / "qm7x" / f"{path.stem}.hdf5"]
    for place in places:
        if place.is_file() and place.stat().st_mtime >= path.stat().st_mtime:
            return place
    place = places[0] if os.access(path.parent, os.W_OK) else places[1]
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    logging.info("unpacking %s", path)
    try:
        with lzma.open(path) as archive, temporary.open("wb") as file:
            shutil.copyfileobj(archive, file, 1 << 22)
        os.replace(temporary, place)
    except (EOFError, lzma.LZMAError) as error:
        raise InputError(f"{path} is not a whole .xz archive ({error}); get it again") from None
    finally:
        temporary.unlink(missing_ok=True)
    return place


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} is no HDF5 file: {error}") from None


def _listed(files: list[h5py.File], duplicates: set[str], progress: Progress) -> Iterator[tuple[str, int, str, str]]:
    """Id, position of the file, molecule and name of every conformation that is no duplicate."""
    for place, file in enumerate(files):
        logging.info("listing %s", file.filename)
        for molecule in progress(file):
            for name in file[molecule]:
                if name.rpartition("-")[0] not in duplicates:
                    yield f"{molecule}-{name.removeprefix('Geom-')}", place, molecule, name


def _configuration(file: h5py.File, one: str, _place: int, molecule: str, name: str) -> Atoms:
    group = file[molecule][name]
    try:
        data = {key: np.asarray(group[own]) for key, own in KEYS.items()}
    except KeyError as error:
        raise InputError(f"{file.filename}: {molecule}/{name} lacks a data set: {error}") from None
    conformer, _, step = name.removeprefix("Geom-").rpartition("-")
    info: dict[str, str | float] = {"id": one, "molecule": molecule, "conformer": conformer}
    info |= {"sampling": "opt" if step == "opt" else "displaced", ENERGY: float(data["energy"].reshape(-1)[0])}
    atoms = Atoms(numbers=data["numbers"].reshape(-1).astype(int), positions=data["positions"], info=info)
    if data["forces"].shape != (len(atoms), 3):
        raise InputError(f"{file.filename}: {molecule}/{name} has forces of shape {data['forces'].shape}")
    atoms.arrays[FORCES] = data["forces"].astype(float)
    return atoms
