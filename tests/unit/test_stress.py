"""Stress: predicted by all models, learned where labelled, tabulated."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import PropertyNotImplementedError

from mftl import models
from mftl.calculator import ModelCalculator
from mftl.config.plot import ROLES, Plot
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled, choose
from mftl.errors import error_table, point_table
from mftl.lean import find_forward
from mftl.plotting import learning_curves
from mftl.prediction import predict, predict_with_stress
from mftl.structures import write_structures
from mftl.training.run import Run

ELEMENTS = ["Ge", "Si"]
LEAN = Architecture(channels=4, radial_mlp=[8], readout_channels=4, cutoff=4.5)
OTHER = LEAN.model_copy(update={"correlation": 4})  # by mace-torch's own modules
SETTINGS = Training(epochs=40, batch_size=4, validation_steps=1, dtype="float64", stress_weight=1000.0)


def build(architecture: Architecture, seed: int = 1):
    return models.build_model(architecture, ELEMENTS, 12.0, 30.0, seed, models.DTYPES["float64"])


def crystals(count: int = 3) -> list[Atoms]:
    found = []
    for k in range(count):
        random = np.random.default_rng(k)
        atoms = bulk("Ge", "diamond", a=5.7, cubic=True)
        atoms.numbers[0] = 14
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.03 * random.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += 0.08 * random.normal(size=(8, 3))
        atoms.info["id"] = f"ge-{k}"
        found.append(atoms)
    return found


def strained(atoms: Atoms, axes: tuple[int, int], amount: float) -> Atoms:
    strain = np.eye(3)
    strain[axes] += amount / 2
    strain[axes[::-1]] += amount / 2
    new = atoms.copy()
    new.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    return new


@pytest.mark.parametrize("architecture", [LEAN, OTHER], ids=["lean", "mace's own"])
def test_it_is_the_derivative_of_the_energy_by_strain(architecture):
    model = build(architecture)
    assert (find_forward(model)[0] is model) == (architecture is OTHER)
    atoms = crystals(2)
    energies, forces, stresses = predict_with_stress(model, atoms)
    plain = predict(model, atoms)
    assert (energies == plain[0]).all() and np.allclose(np.concatenate(forces), np.concatenate(plain[1]), atol=1e-12)
    for k, one in enumerate(atoms):
        assert np.abs(stresses[k]).max() > 1e-4
        for axes in ((0, 0), (1, 1), (0, 2), (1, 2)):
            (up, down), _ = predict(model, [strained(one, axes, amount) for amount in (1e-5, -1e-5)])
            expected = (up - down) / 2e-5 / one.get_volume()
            assert stresses[k][axes] == pytest.approx(expected, rel=1e-5, abs=1e-9)
            assert stresses[k][axes] == pytest.approx(stresses[k][axes[::-1]], abs=1e-14)


def test_order_and_batches_make_no_difference():
    atoms = [crystals(1)[0].repeat((2, 1, 1)), *crystals(3)]  # predicted by size
    together = predict_with_stress(build(LEAN), atoms)[2]
    for k, one in enumerate(atoms):
        np.testing.assert_allclose(together[k], predict_with_stress(build(LEAN), [one])[2][0], atol=1e-13)


def test_calculator(tmp_path):
    models.save_model(build(LEAN), tmp_path / "model.pt")
    atoms = crystals(1)[0]
    atoms.calc = ModelCalculator(tmp_path / "model.pt")
    found = atoms.get_stress(voigt=False)
    np.testing.assert_allclose(found, predict_with_stress(build(LEAN), [atoms])[2][0], atol=1e-12)
    from mace.calculators import MACECalculator

    atoms.calc = MACECalculator(model_paths=str(tmp_path / "model.pt"), device="cpu", default_dtype="float64")
    np.testing.assert_allclose(found, atoms.get_stress(voigt=False), atol=1e-10)
    free = Atoms("Ge2", [[0, 0, 0], [0, 0, 2.4]], calculator=ModelCalculator(tmp_path / "model.pt"))
    with pytest.raises(PropertyNotImplementedError, match="periodic along all axes"):
        free.get_stress()


def labelled(architecture: Architecture = LEAN, count: int = 24) -> Labelled:
    """Labels by a model of other weights."""
    atoms = crystals(count)
    energies, forces, stresses = predict_with_stress(build(architecture, seed=7), atoms)
    return Labelled(atoms, energies, forces, stresses)


def trained(data: Labelled, folder, settings=SETTINGS, architecture=LEAN, **options):
    run = Run(data[:16], data[16:], settings, folder, architecture, ELEMENTS, **options)
    return run, run.train()


@pytest.mark.parametrize("architecture", [LEAN, OTHER], ids=["lean", "mace's own"])
def test_it_is_learned_where_it_has_a_weight(tmp_path, architecture):
    data, errors = labelled(), {}
    epochs = {"epochs": 40 if architecture is LEAN else 8}
    for weight in (0.0, 1000.0):
        settings = SETTINGS.model_copy(update={"stress_weight": weight} | epochs)
        _, model = trained(data, tmp_path / str(weight), settings, architecture)
        found = predict_with_stress(model, data.structures[16:])[2]
        errors[weight] = np.sqrt(((found - data.stresses[16:]) ** 2).mean())
        log = (tmp_path / str(weight) / "log.csv").read_text().split("\n")[0]
        assert ("stress_rmse_mev_per_A3" in log) == bool(weight)
    assert errors[1000.0] < errors[0.0]


def test_labels_without_stress_are_learned_without(tmp_path):
    data = labelled()
    data.stresses = None
    _, model = trained(data, tmp_path / "a", SETTINGS.model_copy(update={"epochs": 3}))
    without = SETTINGS.model_copy(update={"epochs": 3, "stress_weight": 0.0})
    _, other = trained(data, tmp_path / "b", without)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_scale_and_shift_that_learn_scale_the_stress_too(tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 4, "learning_rate_scale": 0.02})
    run, model = trained(labelled(), tmp_path, settings)
    data = labelled()
    found = predict_with_stress(model, data.structures[16:])[2]
    rmse = 1000 * np.sqrt(((found - data.stresses[16:]) ** 2).mean())
    best = run.progress.history[run.progress.best_epoch - 1]
    assert rmse == pytest.approx(best["stress_rmse_mev_per_A3"], rel=1e-6)


def test_labels_in_files(tmp_path):
    data = labelled(count=4)
    high, low = [], []
    for atoms, energy, forces, stress in zip(data.structures, data.energies, data.forces, data.stresses, strict=True):
        for factor, into in ((1.0, high), (0.25, low)):
            one = atoms.copy()
            one.info |= {"REF_energy": factor * energy, "REF_stress": factor * stress}
            one.arrays["REF_forces"] = factor * forces
            into.append(one)
    write_structures(tmp_path / "high.extxyz", high)
    write_structures(tmp_path / "low.extxyz", low)
    ids = [atoms.info["id"] for atoms in high]
    (difference,) = choose([tmp_path / "high.extxyz", tmp_path / "low.extxyz"], [(ids, None)])
    np.testing.assert_allclose(difference.stresses, 0.75 * data.stresses, atol=1e-8)
    np.testing.assert_allclose(difference[1:3].stresses, 0.75 * data.stresses[1:3], atol=1e-8)
    del low[2].info["REF_stress"]
    write_structures(tmp_path / "low.extxyz", low)
    (some,) = choose([tmp_path / "low.extxyz"], [(ids, None)])
    assert some.stresses is None


def test_tables_and_figure(tmp_path):
    random, path = np.random.default_rng(0), tmp_path / "curve.npz"
    reference = random.normal(size=(2, 3, 3))
    np.savez_compressed(
        path, recipe=["germanium.pbe.n10"], value=[10], epochs=[0], seed=[1], ids=["a", "b"], sizes=[1, 2],
        numbers=[32] * 3, energies=[[1.0, 2.0]], reference_energies=[1.1, 2.0], forces=np.zeros((1, 3, 3)),
        reference_forces=np.ones((3, 3)), stresses=[reference + 0.002], reference_stresses=reference,
    )  # fmt: skip
    errors = error_table("fig", {"curve": path}).set_index("quantity")
    assert errors.loc["stress", "unit"] == "meV/Å³" and errors.loc["stress", "mae"] == pytest.approx(2.0)
    points = point_table("fig", {"curve": path}).assign(curve="mftl")
    assert points.set_index(["quantity", "read"])["estimate"]["stress", "rmse"] == pytest.approx(2.0)
    table = learning_curves.summarise(points, {"mftl": "MFTL"}, "rmse")
    looks = {role: dict(zip(("color", "marker", "linestyle"), look, strict=True)) for role, look in ROLES.items()}
    style = Plot(font_size=8.0).model_dump()
    draw = [table, looks, style, "Structures", "germanium at pbe"]
    assert len(learning_curves.plot(*draw).axes) == 2
    named = [axis.get_ylabel() for axis in learning_curves.plot(*draw, quantities=["energy", "stress"]).axes]
    assert named == ["Energy RMSE (meV/atom)", "Stress RMSE (meV/Å³)"]


def test_molecules_have_none():
    energies, forces, stresses = predict_with_stress(build(LEAN), crystals(1), use_stress=False)
    assert stresses is None and len(energies) == len(forces) == 1
    assert molecule("H2").pbc.any() is np.False_
