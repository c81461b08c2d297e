"""COMP6 (Smith et al., J. Chem. Phys. 148, 241733, 2018): six sets of molecules at ωB97X/6-31G(d), to test on.

HDF5 files, each with one group of molecules: species (N,) as letters, coordinates (n, N, 3) in Å, energies (n,) in
Hartree and ``forces`` (n, N, 3) in Hartree/Å, which are gradients: between neighbouring structures of S66x8 the energy
rises along them.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
from ase import Atoms, units

from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress


def read(paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample; see ``published.read``.

    ``info``: ``id`` (``s66x8_wb97x6-31gd-mol00-0000``: file, molecule, place), ``set``, the folder (ANI-MD, DrugBank,
    GDB07to09, GDB10to13, s66x8, Tripeptides), and ``molecule``.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(_open(path)) for path in paths]
        for _, number, molecule, place in progress(sample(_listed(paths, files), count, seed)):
            yield _structure(paths[number], files[number], molecule, place)


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} is no HDF5 file, whole: {error}; get it again") from None


def _listed(paths: list[Path], files: list[h5py.File]) -> Iterator[tuple[str, int, str, int]]:
    """Id, number of the file, molecule (its groups) and place of every structure."""
    for number, (path, file) in enumerate(zip(paths, files, strict=True)):
        try:
            for folder in file:
                for name in file[folder]:
                    for place in range(len(file[folder][name]["coordinates"])):
                        yield _id(path, name, place), number, f"{folder}/{name}", place
        except (KeyError, TypeError, AttributeError, OSError) as error:
            raise InputError(f"{path} is not of COMP6 ({error}); get it again") from None


def _id(path: Path, molecule: str, place: int) -> str:
    return f"{path.stem}-{molecule.replace(' ', '_')}-{place:04d}"


def _structure(path: Path, file: h5py.File, molecule: str, place: int) -> Atoms:
    group, name = file[molecule], molecule.rpartition("/")[2]
    one = _id(path, name, place)
    try:
        symbols = [letter.decode() for letter in group["species"][()]]
        positions, gradient = (group[key][place].astype(float) for key in ("coordinates", "forces"))
        energy = float(group["energies"][place] * units.Hartree)
    except (KeyError, IndexError, OSError) as error:
        raise InputError(f"{path}: {one} is not whole ({error}); get the file again") from None
    if not positions.shape == gradient.shape == (len(symbols), 3):
        raise InputError(f"{path}: {one} has positions of shape {positions.shape}, forces {gradient.shape}")
    info = {"id": one, "set": path.parent.name, "molecule": f"{path.stem}-{name}", ENERGY: energy}
    atoms = Atoms(symbols, positions, info=info)
    atoms.arrays[FORCES] = -gradient * units.Hartree
    return atoms
