"""Models of crystals: what a cell and its repetition have in common, and forces that are derivatives."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from mftl import models
from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.extxyz import read_ids
from mftl.prediction import predict
from mftl.training.start import start_model


@pytest.fixture(scope="module")
def model():
    """Random weights in float64, no reference energies."""
    architecture = Architecture(channels=4, cutoff=5.0, radial_mlp=[8], readout_channels=4)
    made = models.build_model(architecture, ["W"], 60.0, 1.0, seed=1, dtype=torch.float64)
    models.set_reference_energies(made, np.array([-11.0]))
    return made


def rattled():
    atoms = bulk("W", "bcc", a=3.185, cubic=True)
    atoms.rattle(0.2, seed=1)
    return atoms


def test_a_supercell_has_the_same_energy_per_atom(model):
    """The cutoff is longer than the primitive cell: atoms have images of themselves as neighbours."""
    for atoms in (bulk("W", "bcc", a=3.185), rattled()):
        energies, forces = predict(model, [atoms, atoms.repeat(2)])
        assert energies[1] / 8 == pytest.approx(energies[0], abs=1e-9)
        np.testing.assert_allclose(forces[1], np.tile(forces[0], (8, 1)), atol=1e-9)
    assert abs(energies[0] - 2 * -11.0) > 1e-3  # the model is not blind


def test_a_cell_does_not_depend_on_where_it_is_cut(model):
    atoms = rattled()
    shifted = atoms.copy()
    shifted.positions += [0.7, -1.1, 2.9]
    shifted.wrap()
    energies, forces = predict(model, [atoms, shifted])
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)
    np.testing.assert_allclose(forces[0], forces[1], atol=1e-9)


def test_forces_in_a_crystal_are_the_derivative_of_the_energy(model):
    atoms, step = rattled(), 1e-4
    _, (forces,) = predict(model, [atoms])
    assert np.abs(forces).max() > 1e-3
    for atom, axis in ((0, 0), (1, 2)):
        moved = [atoms.copy(), atoms.copy()]
        moved[0].positions[atom, axis] += step
        moved[1].positions[atom, axis] -= step
        energies, _ = predict(model, moved)
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-6)


def test_vacuum_is_no_neighbour(model):
    """A slab in a larger box, or without repetition across the surface, is the same slab."""
    slab = rattled()
    slab.cell[2, 2] += 8.0
    higher, open_ = slab.copy(), slab.copy()
    higher.cell[2, 2] += 5.0
    open_.pbc = (True, True, False)
    energies, _ = predict(model, [slab, higher, open_])
    assert energies[1] == pytest.approx(energies[0], abs=1e-9)
    assert energies[2] == pytest.approx(energies[0], abs=1e-9)


@pytest.mark.parametrize("level", ["pbe", "dftb-ptbp"])
def test_perfect_crystals_have_a_scale(level):
    """Their forces vanish; a model that took its scale from them could not learn."""
    path = f"resources/simple_crystals/simple_crystals.{level}.extxyz"
    (data,) = choose([path], [(read_ids(path), None)])
    architecture = Architecture(channels=4, cutoff=5.0, radial_mlp=[8], readout_channels=4)
    made = start_model(data, architecture, ["W"], Training(), seed=1)
    sizes = np.array([len(atoms) for atoms in data.structures])
    assert np.abs(np.concatenate(data.forces)).max() < 0.03
    assert float(made.scale_shift.scale) == pytest.approx(np.std(data.energies / sizes), rel=0.1)
