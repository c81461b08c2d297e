"""Real structures and labels for the tests."""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
from pathlib import Path
from typing import Literal

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


def standin_level(log: str, delay: float = 0.0):
    """A level whose engine is tests/engines/standin.py; it writes to ``log`` what it computes."""
    from mftl.config import EngineLevel

    class StandinLevel(EngineLevel):
        engine: Literal["standin"] = "standin"
        log: str
        delay: float

    return StandinLevel(log=log, delay=delay)


@pytest.fixture
def standin(tmp_path, monkeypatch):
    """A level whose engine misbehaves on request."""
    from mftl import engines

    folder = str(ROOT / "tests" / "engines")
    monkeypatch.setenv("PYTHONPATH", folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(engines.ENGINES, "standin", "standin")
    return standin_level(str(tmp_path / "standin.log"))


@pytest.fixture(scope="session")
def dft():
    """The first 60 structures of the built-in molecules with PBE0-D3 labels."""
    from mftl.datasets import choose
    from mftl.extxyz import read_ids

    path = MOLECULES / "molecules.pbe0-d3.extxyz"
    return choose([path], [(read_ids(path), 60)])[0]


@pytest.fixture(scope="session")
def dftb():
    """The same structures with DFTB(PTBP) labels."""
    from mftl.datasets import choose
    from mftl.extxyz import read_ids

    return choose([MOLECULES / "molecules.dftb-ptbp.extxyz"], [(read_ids(MOLECULES / "molecules.pbe0-d3.extxyz"), 60)])[
        0
    ]
