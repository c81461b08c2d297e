"""Transfer from one element to another, and training on forces alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ase.build import bulk

from mftl import models
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
from mftl.engines import Structure, stillinger_weber
from mftl.engines.stillinger_weber import StillingerWeberLevel
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.training.run import Run

SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4, num_interactions=1)
FORCES = Training(epochs=6, batch_size=4, energy_weight=0.0, validation_steps=1, dtype="float64")
LEVEL = SimpleNamespace(**StillingerWeberLevel(engine="stillinger-weber").model_dump())


def labelled(symbol: str, a: float, count: int) -> Labelled:
    """Rattled cells of eight atoms, one of them with a vacancy: not all are of one size."""
    structures = []
    for seed in range(count):
        atoms = bulk(symbol, "diamond", a=a, cubic=True)
        atoms.rattle(0.05 + 0.02 * seed, seed=seed)
        structures.append(atoms[1:] if seed == 0 else atoms)
    labels = [stillinger_weber.label(Structure.of(atoms), LEVEL) for atoms in structures]
    return Labelled(structures, np.array([one.energy for one in labels]), [np.array(one.forces) for one in labels])


@pytest.fixture(scope="module")
def silicon():
    return labelled("Si", 5.43, 10)


@pytest.fixture(scope="module")
def germanium():
    return labelled("Ge", 5.65, 10)


@pytest.fixture(scope="module")
def parent(silicon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("silicon")
    settings = FORCES.model_copy(update={"epochs": 40})
    model = Run(silicon[:8], silicon[8:], settings, folder, architecture=SMALL, elements=["Si"]).train()
    models.save_model(model, folder / "model.pt")
    return folder / "model.pt"


def transfer(parent, data, folder, settings=FORCES, snapshots=(), until_best=True, **options):
    options = {"ways": {"elements": {"Ge": "Si"}}} | options
    run = Run(data[:6], data[6:], settings, folder, parent=parent, **options)
    return run.train(snapshots, until_best)


def test_another_name_changes_neither_energies_nor_forces(parent, silicon):
    model = models.load_model(parent)
    before = predict(model, silicon.structures)
    models.rename_elements(model, {"Ge": "Si"})
    assert models.symbols(models.model_elements(model)) == ["Ge"]
    renamed = [atoms.copy() for atoms in silicon.structures]
    for atoms in renamed:
        atoms.symbols[:] = "Ge"
    after = predict(model, renamed)
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(np.concatenate(before[1]), np.concatenate(after[1]))
    with pytest.raises(InputError, match="holds Si, which the model does not know: it knows Ge"):
        predict(model, silicon.structures[:1])


def test_of_two_elements_the_named_one_is_replaced():
    model = models.build_model(SMALL, ["O", "Si"], 10.0, 1.0, seed=1, dtype=torch.float64)
    silica = bulk("SiO", "zincblende", a=4.6)
    silica.rattle(0.1, seed=1)
    (energy,), _ = predict(model, [silica])
    models.rename_elements(model, {"C": "Si"})  # its number now comes after a larger one
    assert models.symbols(models.model_elements(model)) == ["O", "C"]
    silica.symbols[silica.numbers == 14] = "C"
    assert predict(model, [silica])[0][0] == energy


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"Ge": "Sn"}, "Ge cannot take the place of Sn: the parent model, of Si, does not know Sn"),
        ({"Si": "Si"}, "Si cannot take the place of Si: the parent model, of Si, already knows Si"),
    ],
)
def test_names_that_do_not_fit_the_parent_are_refused(parent, places, message):
    with pytest.raises(InputError, match=message):
        models.rename_elements(models.load_model(parent), places)


def test_models_whose_repulsion_depends_on_the_element_are_refused(parent):
    model = models.load_model(parent)
    model.pair_repulsion_fn = torch.nn.Identity()
    with pytest.raises(InputError, match="pair repulsion"):
        models.rename_elements(model, {"Ge": "Si"})


def test_an_element_that_neither_parent_nor_mapping_knows_stops_training(parent, germanium, tmp_path):
    with pytest.raises(InputError, match="holds Ge, which the model does not know: it knows Si"):
        transfer(parent, germanium, tmp_path, ways={})


def test_all_weights_start_from_the_parents(parent, germanium, tmp_path):
    run = Run(germanium[:6], germanium[6:], FORCES, tmp_path, parent=parent, ways={"elements": {"Ge": "Si"}})
    own, old = run.model.state_dict(), models.load_model(parent).state_dict()
    differ = {key for key in own if not torch.equal(own[key], old[key])}
    assert differ == {"atomic_numbers", "atomic_energies_fn.atomic_energies"}


def test_a_model_of_silicon_is_better_than_random_weights(parent, germanium, tmp_path):
    """With as many steps on as little data."""
    moved = transfer(parent, germanium, tmp_path / "moved")
    run = Run(germanium[:6], germanium[6:], FORCES, tmp_path / "new", architecture=SMALL, elements=["Ge"])
    errors = []
    for model in (moved, run.train()):
        _, forces = predict(model, germanium.structures[6:])
        errors.append(np.abs(np.concatenate(forces) - np.concatenate(germanium.forces[6:])).mean())
    assert errors[0] < 0.9 * errors[1]


def test_forces_alone_leave_no_mean_energy_error_on_the_training_set(parent, germanium, silicon, tmp_path):
    for model, data in (
        (transfer(parent, germanium, tmp_path), germanium[:6]),
        (models.load_model(parent), silicon[:8]),
    ):
        energies, _ = predict(model, data.structures)
        error = energies - data.energies
        sizes = np.array([len(atoms) for atoms in data.structures])
        assert abs(sizes @ error) < 1e-6 * abs(sizes @ data.energies)  # least squares: the residual has no part along N
        assert np.abs(error / sizes).max() > 1e-4  # energies were not learned


def test_forces_alone_do_not_look_at_energies(germanium, parent, tmp_path):
    """Energies shifted by a constant for each atom: the same weights, and energies shifted as much."""
    shifted = Labelled(
        germanium.structures, germanium.energies + [7.0 * len(a) for a in germanium.structures], germanium.forces
    )
    one, other = (transfer(parent, data, tmp_path / name) for name, data in (("a", germanium), ("b", shifted)))
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name
    difference = models.reference_energies(other) - models.reference_energies(one)
    np.testing.assert_allclose(difference, 7.0, atol=1e-9)


def test_forces_are_still_the_derivative_of_the_energy(parent, germanium, tmp_path):
    model = transfer(parent, germanium, tmp_path)
    atoms, step = germanium.structures[8].copy(), 1e-4
    _, (forces,) = predict(model, [atoms])
    for atom, axis in ((0, 0), (5, 2)):
        moved = [atoms.copy(), atoms.copy()]
        moved[0].positions[atom, axis] += step
        moved[1].positions[atom, axis] -= step
        energies, _ = predict(model, moved)
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-5)


def test_a_snapshot_is_the_model_of_a_training_stopped_there(parent, germanium, tmp_path):
    """The reference energies, too, are those of the snapshot, whatever was saved before."""
    transfer(parent, germanium, tmp_path / "long", snapshots=(2, 4), until_best=False)
    stopped = transfer(parent, germanium, tmp_path / "short", snapshots=(4,), until_best=False)
    there = models.load_model(tmp_path / "long" / "snapshots" / "e4.pt").state_dict()
    assert all(torch.equal(there[key], value) for key, value in stopped.state_dict().items())
    earlier = models.load_model(tmp_path / "long" / "snapshots" / "e2.pt")
    energies, _ = predict(earlier, germanium.structures[:6])
    sizes = np.array([len(atoms) for atoms in germanium.structures[:6]])
    assert abs(sizes @ (energies - germanium.energies[:6])) < 1e-6 * abs(sizes @ energies)
