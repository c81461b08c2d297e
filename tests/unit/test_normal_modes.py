"""Generated molecules: the geometries that ship come out again, and they vibrate like molecules."""

import numpy as np
import pytest
from ase import Atoms, units
from scipy.stats import chi2

from mftl.inputs import InputError
from mftl.pools.normal_modes import NormalModePool
from mftl.structures import Structures
from mftl.systems import normal_modes

INVERSE_CM = 521.47  # 1/cm for the square root of 1 eV/Å²/amu
REFERENCE = {
    "generator": "normal-modes",
    "seed": [2025, 0],
    "per_molecule": 12,
    "slots": [1500, 300, 1500, 600, 1500, 1000, 1500, 3000, 1500, "contact",
              1500, 300, 1500, 600, 1500, 1000, 1500, 3000, 1500, 600],
}  # fmt: skip
ACCEPTED = REFERENCE | {"max_energy": 0.85}


@pytest.fixture(scope="module")
def water():
    atoms = normal_modes.minimum("O", seed=1)
    return atoms, *normal_modes.normal_modes(atoms)


def test_same_seeds_give_the_geometries_that_ship():
    """Water and hydrogen sulfide, which have no degenerate modes: those may mix differently on other machines."""
    molecules = {"methane": "C", "ammonia": "N", "water": "O", "hydrogen_sulfide": "S"}
    made = normal_modes.sample(NormalModePool(**ACCEPTED | {"stretched": 3}, molecules=molecules))
    shipped = Structures("resources/molecules/molecules.extxyz.xz")
    assert [a.info["molecule"] for a in made[:5]] == [*molecules, "methane"]
    assert [a.info["id"] for a in made[:5:4]] == ["methane-0000", "methane-0001"]
    compared = [(k, a) for k, a in enumerate(made) if a.info["molecule"] in ("water", "hydrogen_sulfide")]
    assert len(compared) == 24
    for k, atoms in compared:
        own = shipped.at(k // 4 * 40 + k % 4)
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


@pytest.mark.parametrize(
    ("symbols", "distance", "closer"),
    [("HH", 0.55, 0.54), ("OH", 0.87, 0.86), ("CC", 1.14, 1.13), ("HS", 1.09, 1.08)],
)
def test_pairs_closer_than_in_qm7x_are_not_accepted(symbols, distance, closer):
    """Those of the table, and others below 0.80 of the sum of covalent radii (hydrogen and sulfur: 1.36 Å)."""
    assert normal_modes.acceptable(Atoms(symbols, [(0, 0, 0), (0, 0, distance)]), energy=1.0, force=1.0, limit=1.0)
    assert not normal_modes.acceptable(Atoms(symbols, [(0, 0, 0), (0, 0, closer)]), energy=1.0, force=1.0, limit=1.0)


def test_energies_and_forces_beyond_their_limits_are_not_accepted(water):
    atoms, *_ = water
    assert normal_modes.acceptable(atoms, 0.3, normal_modes.MAX_FORCE, limit=0.3)
    assert not normal_modes.acceptable(atoms, 0.31, normal_modes.MAX_FORCE, limit=0.3)
    assert not normal_modes.acceptable(atoms, np.inf, np.inf, limit=0.3)
    assert not normal_modes.acceptable(atoms, 0.3, normal_modes.MAX_FORCE + 0.01, limit=0.3)


def test_a_temperature_means_what_it_says():
    """Methyl formate at 600 K: along its soft torsions every other draw has more energy than 600 K explain."""
    pool = NormalModePool(**ACCEPTED | {"slots": [600]}, molecules={"methyl_formate": "COC=O"})
    made = normal_modes.sample(pool)
    lowest = normal_modes.minimum("COC=O", seed=int(np.random.default_rng([2025, 0, 0]).integers(2**31 - 1)))
    minimum, modes = lowest.get_potential_energy(), 3 * len(lowest) - 6
    energies = np.array([Atoms(a, calculator=lowest.calc).get_potential_energy() - minimum for a in made])
    assert energies.max() <= 0.5 * units.kB * 600 * chi2.ppf(0.99, modes)
    np.testing.assert_allclose(energies.mean(), 0.5 * modes * units.kB * 600, rtol=0.25)
    numbers = [int(a.info["id"].removeprefix("methyl_formate-")) for a in made]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > len(made)  # what is not accepted leaves gaps


def test_stretched_molecules_lie_evenly_among_the_others(water):
    """Two for each three others, at 0.3 eV/atom or more, and those as they are without them."""
    small = {"seed": [1], "slots": [300, 600, 900], "per_molecule": 10, "molecules": {"water": "O"}}
    made = normal_modes.sample(NormalModePool(generator="normal-modes", **small, stretched=2, max_energy=0.6))
    assert [a.info["sampling"] == "stretched" for a in made] == [False, False, True, False, True] * 2
    assert made[2].info["id"].startswith("water-s")
    lowest = water[0].get_potential_energy()
    energies = np.array([Atoms(a, calculator=water[0].calc).get_potential_energy() - lowest for a in made]) / 3
    stretched = np.array([a.info["sampling"] == "stretched" for a in made])
    assert 0.3 - 1e-3 < energies[stretched].min() < energies[stretched].max() < 0.6 + 1e-3
    assert energies[~stretched].max() < 0.3
    fewer = small | {"per_molecule": 6, "max_energy": 0.6}
    without = normal_modes.sample(NormalModePool(generator="normal-modes", **fewer))
    for one, other in zip([a for a in made if a.info["sampling"] != "stretched"], without, strict=True):
        assert one.info["id"] == other.info["id"]
        np.testing.assert_array_equal(one.positions, other.positions)


def test_a_molecule_that_is_never_accepted_is_named():
    with pytest.raises(InputError, match="water: no configuration for the slot 300 in 100 draws"):
        normal_modes.sample(
            NormalModePool(generator="normal-modes", slots=[300], max_energy=1e-6, molecules={"water": "O"})
        )


def test_new_molecules_leave_the_others_as_they_are():
    small = {**REFERENCE, "per_molecule": 2}
    one = normal_modes.sample(NormalModePool(**small, molecules={"water": "O"}))
    two = normal_modes.sample(NormalModePool(**small, molecules={"water": "O", "hydrogen_sulfide": "S"}))
    np.testing.assert_array_equal(one[1].positions, two[2].positions)


def test_an_impossible_smiles_is_named():
    with pytest.raises(InputError, match="C1CC"):
        normal_modes.sample(NormalModePool(**REFERENCE, molecules={"broken": "C1CC"}))
