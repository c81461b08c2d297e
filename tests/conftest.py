"""Real structures and labels for the tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOLECULES = ROOT / "resources" / "molecules"


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
