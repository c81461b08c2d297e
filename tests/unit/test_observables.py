"""Observables against analytic and published cases."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import StillingerWeber
from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si
from scipy.integrate import trapezoid

from mftl.inputs import InputError
from mftl.observables.motion import mean_square_displacement, power_spectrum, velocity_autocorrelation
from mftl.observables.phonons import density_of_states
from mftl.observables.structure import angular_distribution, radial_distribution

RNG = np.random.default_rng(0)


def test_radial_distribution_of_an_ideal_gas_is_one():
    gas = Atoms("He1000", RNG.uniform(0, 10, (1000, 3)), cell=[10, 10, 10], pbc=True)
    distances, g = radial_distribution(gas, 6.0, 12)  # farther than half the cell
    assert distances[:2] == pytest.approx([0.25, 0.75])
    assert g[3:] == pytest.approx(1.0, abs=0.02)


def test_radial_distribution_of_a_crystal_holds_its_shells():
    a, bins = 5.66, 400
    distances, g = radial_distribution(bulk("Ge", "diamond", a, cubic=True), 6.0, bins)
    found = distances[g > 0]
    shells = {3**0.5 / 4: 4, 2**-0.5: 12, 11**0.5 / 4: 12, 1.0: 6}  # in lattice constants: number of neighbours
    assert found == pytest.approx([a * s for s in shells], abs=6.0 / bins)
    width = 6.0 / bins
    counts = [4 * np.pi * r**2 * width * g_r * 8 / a**3 for r, g_r in zip(found, g[g > 0], strict=True)]
    assert counts == pytest.approx(list(shells.values()), rel=1e-3)


def test_a_molecule_has_no_radial_distribution():
    with pytest.raises(InputError, match="not periodic"):
        radial_distribution(Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"id": "h2"}), 3.0, 10)


def test_angles_of_diamond_are_tetrahedral():
    angles, density = angular_distribution(bulk("C", "diamond", 3.57, cubic=True), 2.0, 180)
    assert angles[density > 0] == pytest.approx([109.47], abs=0.5)
    assert density.sum() * 1.0 == pytest.approx(1.0)


def test_angles_of_a_square_with_different_numbers_of_neighbours():
    """Corners of a square with a tail: two right angles more than two straight ones."""
    atoms = Atoms("H5", [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0]], cell=[9, 9, 9], pbc=True)
    angles, density = angular_distribution(atoms, 1.1, 4)
    assert angles == pytest.approx([22.5, 67.5, 112.5, 157.5])
    assert density * 45 == pytest.approx([0, 0, 5 / 6, 1 / 6])  # 4 corners, 1 with the tail; and 1 straight
    assert (angular_distribution(atoms, 0.5, 4)[1] == 0).all()


def test_ballistic_atoms_are_displaced_by_the_square_of_time():
    velocities = RNG.normal(size=(20, 3))
    times = np.arange(50.0)
    positions = 100.0 + times[:, None, None] * velocities
    expected = (velocities**2).sum(1).mean() * times**2
    assert mean_square_displacement(positions) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    together = times[:, None, None] * np.ones((20, 3))
    assert mean_square_displacement(together, np.full(20, 12.0)) == pytest.approx(0.0, abs=1e-9)


def test_brownian_atoms_are_displaced_by_6_d_t():
    steps = RNG.normal(scale=0.1, size=(2000, 200, 3))  # D = σ²/2 for each time step
    displacement = mean_square_displacement(np.cumsum(steps, 0))
    times = np.arange(1, 50)
    assert displacement[1:50] == pytest.approx(6 * 0.1**2 / 2 * times, rel=0.05)


def test_mean_square_displacement_is_the_mean_over_all_origins():
    positions = RNG.normal(size=(9, 4, 3))
    plain = [((positions[s:] - positions[: 9 - s]) ** 2).sum(2).mean() for s in range(9)]
    assert mean_square_displacement(positions) == pytest.approx(plain, abs=1e-12)


def test_velocity_autocorrelation_of_an_oscillator_is_a_cosine():
    dt, frequency = 1.0, 10.0  # fs, THz
    times = dt * np.arange(4000)
    phases = RNG.uniform(0, 2 * np.pi, (30, 3))
    velocities = np.cos(2 * np.pi * frequency / 1000 * times[:, None, None] + phases)
    correlation = velocity_autocorrelation(velocities, np.full(30, 2.0))
    expected = 2.0 * 30 * 3 / 2 * np.cos(2 * np.pi * frequency / 1000 * times)
    assert correlation[:1000] == pytest.approx(expected[:1000], abs=2.0)
    frequencies, power = power_spectrum(velocities, dt)
    assert frequencies[power.argmax()] == pytest.approx(frequency, abs=frequencies[1])
    assert trapezoid(power, frequencies) == pytest.approx(1.0, rel=1e-6)
    assert power[np.abs(frequencies - frequency) > 1].sum() < 1e-3 * power.sum()


def test_two_oscillators_have_power_as_their_kinetic_energies():
    """Heavy atoms at 5 THz and light ones at 20 THz with the same kinetic energy: two peaks of the same area."""
    times = np.arange(4000.0)
    heavy = np.cos(2 * np.pi * 0.005 * times[:, None, None] + RNG.uniform(0, 6, (10, 3)))
    light = 3.0 * np.cos(2 * np.pi * 0.020 * times[:, None, None] + RNG.uniform(0, 6, (10, 3)))
    masses = np.repeat([9.0, 1.0], 10)
    frequencies, power = power_spectrum(np.concatenate([heavy, light], 1), 1.0, masses)
    low = frequencies < 12
    assert power[low].sum() == pytest.approx(power[~low].sum(), rel=1e-6)


def springs(k):
    """Forces of a simple cubic crystal whose neighbours are joined by isotropic springs."""

    def forces(atoms):
        side = round(len(atoms) ** (1 / 3))
        index = np.round(atoms.positions / (atoms.cell[0, 0] / side)).astype(int) % side
        u = np.zeros((side, side, side, 3))
        u[tuple(index.T)] = atoms.positions - np.round(atoms.positions / (atoms.cell[0, 0] / side)) * (
            atoms.cell[0, 0] / side
        )
        found = np.zeros_like(u)
        for axis in range(3):
            found += k * (np.roll(u, -1, axis) - 2 * u + np.roll(u, 1, axis))
        return found[tuple(index.T)]

    return forces


def test_phonons_of_a_crystal_of_springs():
    """ω² = 4k/m Σ sin²(q/2): no state beyond √(12 k/m), mean ω² of 6 k/m, three states for each atom."""
    k, mass = 2.0, 28.0855
    unit = (1.602176634e-19 / 1e-20 / 1.66053906892e-27) ** 0.5 / (2 * np.pi * 1e12)  # √(eV/Å²/u) in THz
    frequencies = np.linspace(-2, 25, 1081)
    crystal = Atoms("Si", cell=[3, 3, 3], pbc=True)
    states = density_of_states(crystal, springs(k), frequencies, supercell=4, mesh=12, broadening=0.1)
    assert trapezoid(states, frequencies) == pytest.approx(3.0, rel=1e-3)
    top = unit * (12 * k / mass) ** 0.5
    assert states[frequencies > top + 0.4].max() < 1e-3 and states[np.abs(frequencies - top) < 1.5].max() > 0.05
    assert trapezoid(states * frequencies**2, frequencies) / 3 == pytest.approx(unit**2 * 6 * k / mass, rel=0.01)


def test_phonons_of_stillinger_weber_silicon():
    """The potential puts the optical mode of the zone centre near 17.9 THz, too high (experiment: 15.5)."""
    crystal = bulk("Si", "diamond", 5.431, cubic=True)
    calculator = Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))
    frequencies = np.linspace(-2, 25, 541)
    states = density_of_states(crystal, calculator.get_forces, frequencies, mesh=10, broadening=0.1)
    assert trapezoid(states, frequencies) == pytest.approx(6.0, rel=1e-3)
    top = frequencies[states > 0.02].max()
    assert top == pytest.approx(17.9, abs=0.5)
    assert trapezoid(states[frequencies < -0.5], frequencies[frequencies < -0.5]) < 1e-6
