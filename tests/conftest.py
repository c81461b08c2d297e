"""Real structures and labels for the tests."""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOLECULES = ROOT / "resources" / "molecules"


def lives(pid: int) -> bool:
    """Whether a process runs: one that ended may stay listed until it is waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + 10
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not lives(pid)


@pytest.fixture
def standin(tmp_path, monkeypatch):
    """A level whose engine, tests/engines/standin, misbehaves on request; found as any plug, and logs its work."""
    from mftl import engines
    from mftl.families import EXTENSIONS

    known = engines.sections()  # as they are without it, for all other tests
    monkeypatch.setenv(EXTENSIONS, str(ROOT / "tests"))
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(ROOT / "tests" / "engines")])
    from mftl.engines.standin.section import StandinLevel

    monkeypatch.setitem(known, "standin", StandinLevel)
    return StandinLevel(engine="standin", log=str(tmp_path / "standin.log"))


@pytest.fixture(scope="session")
def dft():
    """The first 60 structures of the built-in molecules with PBE0-D3 labels."""
    from mftl.datasets import choose
    from mftl.extxyz import read_ids

    path = MOLECULES / "molecules.pbe0-d3.extxyz.xz"
    return choose([path], [(read_ids(path), 60)])[0]


@pytest.fixture(scope="session")
def dftb():
    """The same structures with DFTB(PTBP) labels."""
    from mftl.datasets import choose
    from mftl.extxyz import read_ids

    return choose(
        [MOLECULES / "molecules.dftb-ptbp.extxyz.xz"], [(read_ids(MOLECULES / "molecules.pbe0-d3.extxyz.xz"), 60)]
    )[0]


# free atoms at PBE0, eV (Hoja et al. 2021, README of the data)
PBE0_ATOMS = {1: -13.641404161, 6: -1027.592489146, 8: -2039.734879322}


def _write_qm7x(folder: Path, molecules: dict) -> list[Path]:
    import lzma

    import h5py
    import numpy as np

    folder.mkdir(parents=True)
    paths = []
    for number, (name, conformations) in enumerate(molecules.items()):
        plain = folder / "plain.hdf5"
        with h5py.File(plain, "w") as file:
            for i, (conformation, atoms) in enumerate(conformations.items()):
                group = file.create_group(f"{name}/{conformation}")
                group["atXYZ"] = atoms.positions
                group["atNUM"] = atoms.numbers
                free = sum(PBE0_ATOMS[z] for z in atoms.numbers)
                group["ePBE0+MBD"] = np.array([free - 1 - i])
                group["ePBE0"] = np.array([free])
                group["totFOR"] = np.full((len(atoms), 3), 0.5 + i)
                group["pbe0FOR"] = np.zeros((len(atoms), 3))
        paths.append(folder / f"{number + 1}000.xz")
        paths[-1].write_bytes(lzma.compress(plain.read_bytes()))
        plain.unlink()
    paths.append(folder / "DupMols.dat")
    paths[-1].write_text("Geom-m2-i1-c1-opt\n")
    return paths


@pytest.fixture
def write_qm7x():
    """A function that writes archives of QM7-X as published, with one molecule in each, and DupMols.dat.

    It takes a folder and {molecule: {conformation: atoms}}; relative energies are -1, -2, … eV, and the conformer
    m2-i1-c1 is a duplicate.
    """
    return _write_qm7x
