"""Generated crystals: the cells that ship come out again, and what is said of them beforehand is true."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import read

from mftl import pools
from mftl.inputs import InputError
from mftl.pools.crystals import CrystalPool
from mftl.systems import build_pool, crystals

REFERENCE = yaml.safe_load(Path("config/reference.yaml").read_text())["systems"]


def pool(system: str, **changes):
    return pools.pool(REFERENCE[system]["pool"] | changes)


@pytest.fixture(scope="module", params=["tungsten", "simple_crystals"])
def built(request):
    return request.param, list(build_pool(pool(request.param), ["W"]))


def test_the_same_seeds_give_the_cells_that_ship(built):
    system, made = built
    shipped = read(f"resources/{system}/{system}.extxyz", ":")
    assert [a.info for a in made] == [a.info for a in shipped]
    assert len(made) == {"tungsten": 1008, "simple_crystals": 35}[system]
    for atoms, own in zip(made, shipped, strict=True):
        assert atoms.pbc.all() and own.pbc.all()
        np.testing.assert_allclose(atoms.cell, own.cell, atol=1e-10)
        np.testing.assert_allclose(atoms.positions, own.positions, atol=1e-7)


def test_ids_and_kinds_are_known_beforehand(built):
    system, made = built
    known = pool(system).known()
    assert [a.info["id"] for a in made] == known["id"]
    assert [a.info["kind"] for a in made] == known["kind"]


def test_other_numbers_of_cells_leave_the_others_as_they_are():
    whole = {a.info["id"]: a for a in crystals.sample(pool("tungsten", structures=20))}
    fewer = crystals.sample(pool("tungsten", structures=10, larger={"vacancy": 2, "slab6": 1}))
    assert len(fewer) == 13
    for atoms in fewer:
        np.testing.assert_array_equal(atoms.positions, whole[atoms.info["id"]].positions)


def test_larger_cells_are_what_they_are_called():
    larger = crystals.sample(pool("tungsten", structures=1))[1:]
    for atoms in larger[:4]:
        assert atoms.info["kind"] == "vacancy" and len(atoms) == 15
        # bcc with one site empty: 14 neighbours within 1.2 a, one less for those beside the hole
        distances = atoms.repeat(3).get_all_distances(mic=True)
        neighbours = (distances < 1.2 * 3.185).sum(axis=1) - 1
        assert neighbours.mean() == pytest.approx(14 * 14 / 15, abs=0.5)
    for atoms in larger[4:]:
        assert atoms.info["kind"] == "slab6" and len(atoms) == 6
        heights = np.sort(atoms.positions[:, 2])
        assert (np.diff(heights) > 0.5).all()
        assert heights[0] + atoms.cell[2, 2] - heights[-1] > 7.0
    assert all(a.info["closest"] >= 2.0 for a in larger)


@pytest.mark.parametrize("lattice", ["bcc", "fcc", "hcp", "sc", "a15"])
def test_lattices_are_what_they_are_called(lattice):
    """Nearest neighbours; volumes of an atom that are those of tungsten within 20 %."""
    atoms = crystals.simple_crystal("W", lattice, 3.185, 1.0)
    distances = atoms.repeat(3).get_all_distances(mic=True)
    counts = np.unique((distances < 1.04 * crystals.closest(atoms)).sum(axis=1) - 1)
    # the closest atoms of A15 are in chains, and an atom between them has none so close
    assert counts.tolist() == {"bcc": [8], "fcc": [12], "hcp": [12], "sc": [6], "a15": [0, 2]}[lattice]
    assert atoms.get_volume() / len(atoms) == pytest.approx(3.185**3 / 2, rel=0.2)
    larger = crystals.simple_crystal("W", lattice, 3.185, 1.1)
    assert larger.get_volume() / atoms.get_volume() == pytest.approx(1.1)


def test_atoms_that_cannot_be_so_far_apart(monkeypatch):
    monkeypatch.setattr(crystals, "MAX_DRAWS", 50)
    with pytest.raises(InputError, match=r"small-0000: in 50 draws no cell with all atoms 3\.0 Å apart"):
        crystals.sample(CrystalPool(generator="crystals", name="small", element="W", lattice_constant=3.0, closest=3.0))
