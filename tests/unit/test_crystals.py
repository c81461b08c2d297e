"""Generated crystals: the cells that ship come out again, and what is said of them beforehand is true."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.neighborlist import neighbor_list

from mftl import pools
from mftl.inputs import InputError
from mftl.pools.crystals import CrystalPool
from mftl.structures import read_structures
from mftl.systems import build_pool, crystals

REFERENCE = yaml.safe_load(Path("config/reference.yaml").read_text())["systems"]
SHIPPED = {  # of both versions, and how many
    "tungsten": ("resources/tungsten/tungsten.extxyz", 1008),
    "simple_crystals": ("resources/simple_crystals/simple_crystals.extxyz", 35),
    "tungsten-2": ("resources/tungsten/tungsten-v2.extxyz.xz", 1608),
    "simple_crystals-2": ("resources/simple_crystals/simple_crystals-v2.extxyz", 60),
}


def pool(system: str, **changes):
    return pools.pool(REFERENCE[system]["pool"] | changes)


@pytest.fixture(scope="module", params=SHIPPED)
def built(request):
    return request.param, list(build_pool(pool(request.param), ["W"]))


def test_the_same_seeds_give_the_cells_that_ship(built):
    system, made = built
    file, count = SHIPPED[system]
    shipped = read_structures(file)
    assert [a.info for a in made] == [a.info for a in shipped]
    assert len(made) == count
    for atoms, own in zip(made, shipped, strict=True):
        assert atoms.pbc.all() and own.pbc.all()
        np.testing.assert_allclose(atoms.cell, own.cell, atol=1e-10)
        np.testing.assert_allclose(atoms.positions, own.positions, atol=1e-7)


def test_ids_and_kinds_are_known_beforehand(built):
    system, made = built
    assert pool(system).size() == len(made)
    if system == "tungsten-2":  # which cells are left out is not known
        assert pool(system).known() == {}
        one = pool(system, leave_out=None, structures=40)
        made, known = crystals.sample(one), one.known()
    else:
        known = pool(system).known()
    assert [a.info["id"] for a in made] == known["id"]
    assert [a.info["kind"] for a in made] == known["kind"]


def test_cells_that_are_left_out_leave_a_gap():
    """Others keep their numbers and geometries, and more are drawn in place of those left out."""
    all_of_them = crystals.sample(pool("tungsten-2", structures=40, larger={}, leave_out=None))
    kept = crystals.sample(pool("tungsten-2", structures=40, larger={}))
    passing = [a for a in all_of_them if a.info["closest"] >= 2.12]
    assert len(passing) == 37 and [a.info["id"] for a in kept[:37]] == [a.info["id"] for a in passing]
    np.testing.assert_array_equal(kept[36].positions, passing[-1].positions)
    assert [a.info["id"] for a in kept[37:]] == ["w-0040", "w-0041", "w-0042"]
    assert [a.info["kind"] for a in kept[37:]] == ["gamma", "strained", "gamma"]
    with pytest.raises(InputError, match="cells in a row were left out"):
        crystals.sample(pool("tungsten-2", structures=40, larger={}, leave_out=3.0))


@pytest.mark.parametrize(
    ("system", "larger"), [("tungsten", {"vacancy": 2, "slab6": 1}), ("tungsten-2", {"vacancy26": 2, "slab12": 1})]
)
def test_other_numbers_of_cells_leave_the_others_as_they_are(system, larger):
    whole = {a.info["id"]: a for a in crystals.sample(pool(system, structures=20))}
    fewer = crystals.sample(pool(system, structures=10, larger=larger))
    assert len(fewer) == 13
    for atoms in fewer:
        np.testing.assert_array_equal(atoms.positions, whole[atoms.info["id"]].positions)


def neighbours(atoms) -> np.ndarray:
    """Of each atom, within 1.2 a: 14 in bcc, one less for those beside a vacancy."""
    return np.bincount(neighbor_list("i", atoms, 1.2 * 3.185), minlength=len(atoms))


@pytest.mark.parametrize(("system", "vacancy", "slab"), [("tungsten", 15, 6), ("tungsten-2", 26, 12)])
def test_larger_cells_are_what_they_are_called(system, vacancy, slab):
    chosen = pool(system, structures=1)
    larger = crystals.sample(chosen)[1:]
    for atoms in larger[:4]:
        assert atoms.info["kind"].startswith("vacancy") and len(atoms) == vacancy
        assert neighbours(atoms).mean() == pytest.approx(14 * vacancy / (vacancy + 1), abs=0.7)
    for atoms in larger[4:]:
        assert atoms.info["kind"] == f"slab{slab}" and len(atoms) == slab
        heights = np.sort(atoms.positions[:, 2])
        assert (np.diff(heights) > 0.5).all()
        assert heights[0] + atoms.cell[2, 2] - heights[-1] > 7.0
    assert all(a.info["closest"] >= chosen.closest for a in larger)


class Fixed:
    """A source of random numbers: a shift within the plane, and the volume as it is."""

    def __init__(self, *shift: float):
        self.values = iter([*shift, 1.0])

    def uniform(self, *_):
        return next(self.values)


def test_a_gamma_surface_without_a_shift_is_bulk():
    """The cell holds whole periods of (110), but 8 of 6 layers of (112): there a shift of two thirds is bulk."""
    bulk = crystals._shifted("W", "110", 3.185, Fixed(0.0, 0.0))
    assert neighbours(bulk).tolist() == [14] * 8
    assert bulk.get_volume() / 8 == pytest.approx(3.185**3 / 2)
    assert neighbours(crystals._shifted("W", "112", 3.185, Fixed(2 / 3, 0.0))).tolist() == [14] * 8
    cut = crystals._shifted("W", "110", 3.185, Fixed(0.3, 0.4))
    assert sum(neighbours(cut) == 14) == 4  # the two layers between


def test_cells_are_near_the_equilibrium_volume():
    """Of bcc with the lattice constant of PBE 16.15 Å^3 for each atom; slabs have vacuum, vacancies a hole."""
    for atoms in crystals.sample(pool("tungsten-2", structures=40)):
        kind = atoms.info["kind"]
        if kind not in ("surface", "slab12"):
            volume = atoms.get_volume() / (len(atoms) + kind.startswith("vacancy"))
            assert volume == pytest.approx(3.185**3 / 2, rel=0.2 if kind == "strained" else 0.05)


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
