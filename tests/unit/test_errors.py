"""Errors and relative energies."""

from pathlib import Path

import numpy as np
import pytest

from mftl.errors import compare_levels, error_rows, error_table, relative_energies, structure_table
from mftl.inputs import InputError


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
    """DFTB(PTBP) against PBE0-D3 on the 2000: what was found when the data was made."""
    folder = Path(__file__).parents[2] / "resources" / "molecules"
    energy, forces = compare_levels(
        folder / "molecules.pbe0-d3.extxyz.xz", folder / "molecules.dftb-ptbp.extxyz.xz", "dftb-ptbp"
    )
    assert energy["structures"] == 2000
    assert energy["rmse"] == pytest.approx(101, abs=1)
    assert forces["rmse"] == pytest.approx(1194, abs=10)


@pytest.fixture
def predictions(tmp_path):
    """Two models, at sizes 1 and 10, on structures of one, two and three atoms; errors that are easy to tell apart."""
    sizes, rng = np.array([1, 2, 3]), np.random.default_rng(0)
    reference = rng.normal(size=(6, 3))
    errors = np.repeat([0.1, 0.2, 0.3], sizes)[:, None]
    path = tmp_path / "curve.npz"
    np.savez_compressed(
        path,
        recipe=["germanium.sw.n1", "germanium.sw.n10"], value=[1, 10], epochs=[0, 0], seed=[1, 1],
        ids=["a", "b", "c"], sizes=sizes, numbers=[32] * 6,
        energies=[[1.0, 2.0, 3.0], [1.0, 2.0, 3.3]], reference_energies=[1.0, 2.0, 3.0],
        forces=[reference + errors, reference], reference_forces=reference,
    )  # fmt: skip
    return {"curve": path}


def test_errors_on_chosen_structures_alone(predictions):
    table = error_table("fig", predictions, {"a", "c"}).set_index(["value", "quantity"])
    assert (table["structures"] == 2).all()
    assert table.loc[(1, "forces"), "mae"] == pytest.approx((100 + 3 * 300) / 4)  # by component, not by structure
    assert table.loc[(10, "energy"), "mae"] == pytest.approx(50)  # 0.3 eV on three atoms, and none
    whole = error_table("fig", predictions).set_index(["value", "quantity"])
    assert whole.loc[(1, "forces"), "mae"] == pytest.approx((100 + 2 * 200 + 3 * 300) / 6)
    with pytest.raises(InputError, match=r"figures\.fig\.only leaves no test structure"):
        error_table("fig", predictions, {"d"})


def test_errors_of_single_structures_in_groups(predictions):
    table = structure_table("fig", predictions, 1, {"a": "300", "b": "2000", "c": "300"})
    forces = table[table["quantity"] == "forces"]
    assert list(forces["id"]) == ["a", "b", "c"] and list(forces["value"]) == [300, 2000, 300]
    assert list(forces["mae"]) == pytest.approx([100, 200, 300])
    assert set(table["recipe"]) == {"germanium.sw.n1"} and set(table["structures"]) == {1}
    assert list(structure_table("fig", predictions, 1, {"b": "hot"})["value"]) == ["hot", "hot"]
    with pytest.raises(InputError, match="no test structure is in one of its groups"):
        structure_table("fig", predictions, 1, {"d": "300"})
    with pytest.raises(InputError, match="no model at 5"):
        structure_table("fig", predictions, 5, {"a": "300"})
