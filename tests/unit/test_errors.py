"""Errors and relative energies."""

from pathlib import Path

import numpy as np
import pytest

from mftl.errors import compare_levels, error_rows, relative_energies


def test_units_and_averages():
    rows = error_rows(
        np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.full((3, 3), 0.5), np.zeros((3, 3)), np.array([1, 2])
    )
    energy, forces = rows
    assert (energy["unit"], forces["unit"]) == ("meV/atom", "meV/Å")
    assert energy["rmse"] == energy["mae"] == pytest.approx(1000.0)  # 1 eV on one atom, 2 eV on two
    assert forces["rmse"] == pytest.approx(500.0)


def test_relative_energies_do_not_see_atomic_references():
    """Shifting every atom's energy, as another level of theory does, leaves relative energies where they were."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, size=(40, 3)).astype(float)
    energies = rng.normal(size=40)
    shifted = energies + counts @ np.array([-13.6, -1027.6, -2039.7])
    assert relative_energies(shifted, counts) == pytest.approx(relative_energies(energies, counts), abs=1e-8)


def test_difference_of_relative_energies_is_the_residual_of_the_difference():
    """Each level fitted alone, or the difference of two fitted: the same."""
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 5, size=(40, 3)).astype(float)
    high, low = rng.normal(size=40), rng.normal(size=40)
    assert relative_energies(high, counts) - relative_energies(low, counts) == pytest.approx(
        relative_energies(high - low, counts)
    )


def test_levels_of_the_built_in_molecules():
    """DFTB(PTBP) against PBE0-D3 on the 1000: what was found when the data was made."""
    folder = Path(__file__).parents[2] / "resources" / "molecules"
    energy, forces = compare_levels(
        folder / "molecules.pbe0-d3.extxyz", folder / "molecules.dftb-ptbp.extxyz", "dftb-ptbp"
    )
    assert energy["structures"] == 998  # two of the five that DFTB does not converge for are among them
    assert energy["rmse"] == pytest.approx(112, abs=1)
    assert forces["rmse"] == pytest.approx(1380, abs=10)
