"""Tungsten at PBE (Szlachta, Bartók, Csányi, Phys. Rev. B 90, 104108, 2014): an extended XYZ in a zip archive.

Bulk cells, vacancies, surfaces, γ-surfaces, dislocation cores. Energies and forces are in eV and eV/Å.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms
from ase.io import iread

from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress


def read(paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample; see ``published.read``.

    ``info``: ``id`` (``<config_type>-<place in the file>``) and ``config_type`` as published: slice_sample, md_bulk, …
    """
    (path,) = paths
    try:
        with zipfile.ZipFile(path) as archive:
            (member,) = (name for name in archive.namelist() if Path(name).name == "w-14.xyz")
            text = archive.read(member).decode()
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path} is not a whole zip archive with one w-14.xyz ({error}); get it again") from None
    structures = []
    for place, atoms in enumerate(iread(io.StringIO(text), ":", format="extxyz")):
        kind = atoms.info["config_type"]
        structures.append((f"{kind}-{place:04d}", kind, atoms))
    for one, kind, atoms in progress(sample(structures, count, seed)):
        yield _labelled(path, one, kind, atoms)


def _labelled(path: Path, one: str, kind: str, atoms: Atoms) -> Atoms:
    # ASE moves the keys it knows, such as energy and forces, into a calculator
    results = atoms.calc.results if atoms.calc else {}
    energy = atoms.info.get("energy", results.get("energy"))
    forces = atoms.arrays.get("force", results.get("forces"))
    if energy is None or forces is None:
        raise InputError(f"{path}: structure {one} lacks energy or force")
    new = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, info={"id": one, "config_type": kind})
    new.info[ENERGY], new.arrays[FORCES] = float(energy), forces
    return new
