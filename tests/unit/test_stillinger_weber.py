"""The Stillinger-Weber level and its pools: against the literature, another implementation, and finite differences."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import StillingerWeber

from mftl import pools
from mftl.calculator import LevelCalculator
from mftl.engines import Failure, Structure, stillinger_weber
from mftl.engines.stillinger_weber import StillingerWeberLevel
from mftl.inputs import InputError
from mftl.pools.molecular_dynamics import DynamicsPool
from mftl.systems import build_pool, molecular_dynamics

SETTINGS = SimpleNamespace(**StillingerWeberLevel(engine="stillinger-weber").model_dump())


def label(atoms: Atoms, settings=SETTINGS):
    return stillinger_weber.label(Structure.of(atoms), settings)


def distorted(symbol: str, a: float) -> Atoms:
    """Two primitive cells in a skewed box, with the atoms anywhere but where symmetry wants them."""
    atoms = bulk(symbol, "diamond", a=a).repeat((2, 1, 1))
    rng = np.random.default_rng(3)
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.normal(scale=0.05, size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.2, seed=4)
    return atoms


@pytest.mark.parametrize(
    ("symbol", "lattice_constant", "cohesive_energy"),
    # Stillinger and Weber: 2 ε and 5.431 Å; Ding and Andersen fit germanium's 3.86 eV and 5.654 Å
    [("Si", 5.431, 4.3366), ("Ge", 5.654, 3.86)],
)
def test_diamond_has_the_lattice_constant_and_cohesive_energy_of_the_literature(
    symbol, lattice_constant, cohesive_energy
):
    constants = lattice_constant * np.linspace(0.99, 1.01, 21)
    energies = [label(bulk(symbol, "diamond", a=a)).energy / 2 for a in constants]
    parabola = np.polyfit(constants, energies, 4)
    lowest = min(np.roots(np.polyder(parabola)).real, key=lambda a: abs(a - lattice_constant))
    assert lowest == pytest.approx(lattice_constant, abs=0.001)
    assert -np.polyval(parabola, lowest) == pytest.approx(cohesive_energy, abs=0.001)


@pytest.mark.parametrize(("symbol", "a"), [("Si", 5.43), ("Ge", 5.65)])
def test_another_implementation_gives_the_same(symbol, a):
    own = SETTINGS.parameters[symbol]
    names = {"el": symbol, "costheta0": 1 / 3, "p": 4, "lambda1": own["three_body"]}
    atoms = distorted(symbol, a)
    got = label(atoms)
    # matscipy wants a cell larger than the potential's reach
    whole = atoms.repeat((3, 4, 4))
    whole.calc = Manybody(**StillingerWeber(own | names))
    copies = len(whole) / len(atoms)
    assert got.energy == pytest.approx(whole.get_potential_energy() / copies, abs=1e-6)
    np.testing.assert_allclose(got.forces, whole.get_forces()[: len(atoms)], atol=1e-5)
    np.testing.assert_allclose(got.stress, whole.get_stress(voigt=False), atol=1e-6)


@pytest.mark.parametrize(("symbol", "a"), [("Si", 5.43), ("Ge", 5.65)])
def test_forces_and_stress_are_derivatives_of_the_energy(symbol, a):
    atoms, step = distorted(symbol, a), 1e-4
    here = label(atoms)
    for atom, axis in ((0, 0), (3, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(label(moved).energy)
        assert here.forces[atom][axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-5)
    for i, j in ((0, 0), (0, 2)):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            moved = atoms.copy()
            moved.set_cell(atoms.cell @ strain, scale_atoms=True)
            energies.append(label(moved).energy)
        derivative = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
        assert here.stress[i][j] == pytest.approx(derivative, abs=1e-5)


def test_as_a_calculator():
    atoms = distorted("Ge", 5.65)
    atoms.calc = LevelCalculator(StillingerWeberLevel(engine="stillinger-weber"))
    assert atoms.get_potential_energy() == label(atoms).energy
    np.testing.assert_array_equal(atoms.get_forces(), label(atoms).forces)


def test_what_it_cannot_treat():
    with pytest.raises(InputError, match="molecule"):
        label(molecule("SiH4"))
    with pytest.raises(Failure, match="Ge with Si"):
        label(bulk("SiGe", "zincblende", a=5.5))
    slab = bulk("Si", "diamond", a=5.43)
    slab.pbc = [True, True, False]
    with pytest.raises(InputError, match="three directions"):
        label(slab)


# --- pools

POOL = {
    "generator": "stillinger-weber-md",
    "name": "ge",
    "element": "Ge",
    "lattice_constant": 5.654,
    "repeat": 2,
    "temperatures": [300, 3600],
    "equilibration": 1.0,
    "samples": 8,
    "interval": 0.1,
}


def pool(**changes) -> DynamicsPool:
    return pools.pool(POOL | changes)


@pytest.fixture(scope="module")
def built() -> list[Atoms]:
    return list(build_pool(pool(), ["Ge"]))


def test_the_same_seed_gives_the_same_snapshots(built):
    again = {a.info["id"]: a for a in molecular_dynamics.sample(pool(temperatures=[3600], samples=4))}
    for atoms in built:
        if (own := again.pop(atoms.info["id"], None)) is not None:
            np.testing.assert_array_equal(own.positions, atoms.positions)
            np.testing.assert_array_equal(own.cell, atoms.cell)
    assert not again
    other = molecular_dynamics.sample(pool(temperatures=[300], samples=1, seed=[1]))[0]
    assert np.abs(other.positions - built[0].positions).max() > 0.01


def test_ids_and_temperatures_are_known_beforehand(built):
    known = pool().known()
    assert [a.info["id"] for a in built] == known["id"]
    assert [str(a.info["temperature"]) for a in built] == known["temperature"]


def test_snapshots_are_as_hot_as_said(built):
    """Equipartition: in the crystal the potential energy rises by 3/2 kT for each atom, less some for anharmonicity."""
    for temperature, (low, high) in {300: (0.7, 1.3), 3600: (0.7, 1.6)}.items():
        chosen = [a for a in built if a.info["temperature"] == temperature]
        assert len(chosen) == POOL["samples"]
        assert all(len(a) == 64 and a.pbc.all() for a in chosen)
        rise = np.mean([label(a).energy / 64 for a in chosen]) + 3.86
        assert low < rise / (1.5 * 8.617e-5 * temperature) < high


def test_an_element_without_parameters_is_refused():
    with pytest.raises(InputError, match="none for C, only for Si, Ge"):
        molecular_dynamics.sample(pool(element="C"))
