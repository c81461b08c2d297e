"""Boxes of water: what packmol is told, what is said if it is not there, and, where it is, what comes out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.io import write
from matscipy.neighbours import neighbour_list

from mftl import pools
from mftl.inputs import InputError
from mftl.pools.water_box import WaterBoxPool
from mftl.systems import build_pool, water_box

BOX = {"generator": "water-box", "name": "wet", "waters": 40, "edge": 11.5}

FAKE = """#!/bin/sh
cat > told
cp told {told}
{body}
"""


def pool(**changes) -> WaterBoxPool:
    return pools.pool(BOX | changes)


def pretended(folder: Path, body: str) -> str:
    """A program in place of packmol, which keeps what it was told in the file ``told``."""
    path = folder / "packmol"
    path.write_text(FAKE.format(told=folder / "told", body=body))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def solute(tmp_path) -> str:
    write(tmp_path / "ethanol.extxyz", molecule("CH3CH2OH"), format="extxyz")
    return str(tmp_path / "ethanol.extxyz")


def test_without_packmol_it_says_so(tmp_path):
    with pytest.raises(InputError, match=r"wet: packmol: there is no program no-such-thing; install it \(pip install"):
        water_box.filled(pool(packmol="no-such-thing"))
    missing = pool(solute="nowhere.extxyz").mistakes("pool", tmp_path)
    assert "pool.solute: got 'nowhere.extxyz'" in "".join(missing)
    assert not list(pool(solute="results/pools/peptide.extxyz").mistakes("pool", tmp_path))  # another job makes it
    assert pool(solute="results/pools/peptide.extxyz").files() == ["results/pools/peptide.extxyz"]


def test_what_packmol_is_told_and_what_it_wrote(tmp_path, solute):
    wrote = "{ echo 15; echo; tail -n +3 solute.xyz; cat w w; } > packed.xyz"
    program = pretended(tmp_path, f"tail -n +3 water.xyz > w; {wrote}; echo Success!")
    atoms = water_box.filled(pool(waters=2, solute=solute, packmol=program, seed=7))
    told = (tmp_path / "told").read_text().splitlines()
    assert {"tolerance 2.0", "seed 7", "  number 2", "  inside box 1.0 1.0 1.0 10.5 10.5 10.5"} <= set(told)
    assert atoms.get_chemical_symbols() == [*molecule("CH3CH2OH").get_chemical_symbols(), *"OHHOHH"]
    assert atoms.info == {"id": "wet", "solute": 9} and atoms.pbc.all()
    np.testing.assert_allclose(atoms.cell.lengths(), 11.5)
    own = atoms.positions[:9]
    np.testing.assert_allclose((own.min(0) + own.max(0)) / 2, 11.5 / 2)
    np.testing.assert_allclose(atoms[:9].get_all_distances(), molecule("CH3CH2OH").get_all_distances(), atol=1e-8)


def test_what_fails_is_told(tmp_path, solute):
    for body, said in (
        ("echo '  ERROR: there is no room  '; echo -----; exit 1", r"said 'ERROR: there is no room'"),
        ("echo Success!; printf '3\\n\\nO 0 0 0\\nH 0 0 1\\nH 0 1 0\\n' > packed.xyz", r"wrote 3 atoms, not 120"),
    ):
        with pytest.raises(InputError, match=said):
            water_box.filled(pool(packmol=pretended(tmp_path, body)))
    with pytest.raises(InputError, match=r"edge: got 4.0; valid: more than \d\.\d Å"):
        water_box.filled(pool(solute=solute, edge=4.0, packmol="sh"))


def test_an_example_costs_what_the_box_would():
    (example,) = pool().example(1)
    assert len(example) == 120 and example.pbc.all() and example.cell.volume == pytest.approx(11.5**3)
    first, second = neighbour_list("ij", example, 1.1)
    assert np.array_equal(first // 3, second // 3)


@pytest.mark.skipif(shutil.which("packmol") is None, reason="packmol is not installed")
def test_the_real_packmol(solute):
    own = pool(waters=40, solute=solute)
    (atoms,) = build_pool(own, ["H", "C", "O"])
    assert len(atoms) == 129
    molecules = np.r_[np.zeros(9, int), 1 + np.repeat(np.arange(40), 3)]
    first, second, apart = neighbour_list("ijd", atoms, 3.0)
    assert apart[molecules[first] != molecules[second]].min() > 1.98  # faces included
    density = atoms[9:].get_masses().sum() / atoms.cell.volume * 1e24 / units.mol
    assert 0.7 < density < 0.9  # g/cm³, less the room of ethanol
    np.testing.assert_array_equal(water_box.filled(own).positions, atoms.positions)
    assert np.abs(water_box.filled(pool(waters=40, solute=solute, seed=2)).positions - atoms.positions).max() > 0.1
