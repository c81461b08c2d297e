"""Generated molecules: the geometries that ship come out again, and they vibrate like molecules."""

import numpy as np
import pytest
from ase import units
from ase.io import read

from mftl.inputs import InputError
from mftl.pools.normal_modes import NormalModePool
from mftl.systems import normal_modes

INVERSE_CM = 521.47  # 1/cm for the square root of 1 eV/Å²/amu
REFERENCE = {
    "generator": "normal-modes",
    "seed": [2025, 0],
    "per_molecule": 12,
    "slots": [1500, 300, 1500, 600, 1500, 1000, 1500, 3000, 1500, "contact", 1500, 300],
}


@pytest.fixture(scope="module")
def water():
    atoms = normal_modes.minimum("O", seed=1)
    return atoms, *normal_modes.normal_modes(atoms)


def test_same_seeds_give_the_geometries_that_ship():
    """Water and hydrogen sulfide, which have no degenerate modes: those may mix differently on other machines."""
    molecules = {"methane": "C", "ammonia": "N", "water": "O", "hydrogen_sulfide": "S"}
    made = normal_modes.sample(NormalModePool(**REFERENCE, molecules=molecules))
    shipped = {a.info["id"]: a for a in read("resources/molecules/molecules.extxyz", ":480")}
    assert [a.info["id"] for a in made[:5]] == [*(f"{m}-0000" for m in molecules), "methane-0001"]
    compared = [a for a in made if a.info["molecule"] in ("water", "hydrogen_sulfide")]
    assert len(compared) == 24
    for atoms in compared:
        own = shipped[atoms.info["id"]]
        assert atoms.info == own.info
        np.testing.assert_allclose(atoms.positions, own.positions, atol=1e-6)


def test_water_vibrates_at_the_measured_frequencies(water):
    """1595, 3657 and 3756 1/cm (Shimanouchi, NSRDS-NBS 39, 1972): GFN2-xTB is within 6 %."""
    _, values, _ = water
    np.testing.assert_allclose(np.sqrt(values) * INVERSE_CM, [1595, 3657, 3756], rtol=0.06)


def test_a_linear_molecule_has_one_rotation_less():
    values, _ = normal_modes.normal_modes(normal_modes.minimum("C#C", seed=1))
    assert len(values) == 3 * 4 - 5


def test_modes_are_equally_populated(water):
    """Classical equipartition: half k T of potential energy in each mode, here at 600 K."""
    atoms, values, vectors = water
    rng = np.random.default_rng(0)
    shifts = np.array(
        [normal_modes._displaced(atoms, values, vectors, 600, rng).positions - atoms.positions for _ in range(4000)]
    )
    q = (shifts * np.sqrt(atoms.get_masses())[:, None]).reshape(len(shifts), -1) @ vectors
    np.testing.assert_allclose(0.5 * values * (q**2).mean(axis=0), 0.5 * units.kB * 600, rtol=0.08)


def test_close_contacts_are_close(water):
    rng = np.random.default_rng(0)
    drawn = [normal_modes._close_contact(*water, rng) for _ in range(20)]
    ratios = [normal_modes.closest_ratio(atoms) for atoms in drawn if atoms]
    assert len(ratios) >= 5
    assert min(ratios) > 0.6
    assert max(ratios) <= 0.85


def test_new_molecules_leave_the_others_as_they_are():
    small = {**REFERENCE, "per_molecule": 2}
    one = normal_modes.sample(NormalModePool(**small, molecules={"water": "O"}))
    two = normal_modes.sample(NormalModePool(**small, molecules={"water": "O", "hydrogen_sulfide": "S"}))
    np.testing.assert_array_equal(one[1].positions, two[2].positions)


def test_an_impossible_smiles_is_named():
    with pytest.raises(InputError, match="C1CC"):
        normal_modes.sample(NormalModePool(**REFERENCE, molecules={"broken": "C1CC"}))
