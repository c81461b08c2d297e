"""Relaxations of crystals at PBE from the Materials Project (MPtrj: Deng et al., Nat. Mach. Intell. 5, 1031, 2023).

The extended XYZ that goes with MACE-MP-0 for fine-tuning with replay; energies and forces in eV and eV/Å.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms
from ase.io import read as read_ase

from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress


def read(paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample; see ``published.read``. Only the structures drawn are read; the file may be large."""
    (path,) = paths
    with path.open("rb") as file:
        for one, start, size in progress(sample(_places(path), count, seed)):
            file.seek(start)
            yield _labelled(path, one, file.read(size).decode())


def _places(path: Path) -> Iterator[tuple[str, int, int]]:
    """Id of each structure (``mp-traj-0000000``, its place in the file), and where in the file it begins and ends."""
    with path.open("rb") as file:
        place, start = 0, 0
        while line := file.readline():
            try:
                lines = [file.readline() for _ in range(int(line) + 1)]
            except ValueError:
                raise InputError(f"{path}: structure {place} does not begin with its number of atoms") from None
            if not lines[-1].endswith(b"\n"):
                raise InputError(f"{path} ends in the middle of structure {place}; get it again")
            size = len(line) + sum(map(len, lines))
            yield f"mp-traj-{place:07d}", start, size
            place, start = place + 1, start + size


def _labelled(path: Path, one: str, text: str) -> Atoms:
    atoms = read_ase(io.StringIO(text), format="extxyz")
    # ASE moves the keys it knows, such as energy and forces, into a calculator
    results = atoms.calc.results if atoms.calc else {}
    energy = atoms.info.get(ENERGY, results.get("energy"))
    forces = atoms.arrays.get(FORCES, results.get("forces"))
    if energy is None or forces is None:
        raise InputError(f"{path}: structure {one} lacks energy or forces")
    new = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, info={"id": one})
    new.info[ENERGY], new.arrays[FORCES] = float(energy), forces
    return new
