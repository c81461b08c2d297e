"""Low-rank adaptation: starts as the parent, learns in its small matrices alone, ends as a plain model."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mftl import models
from mftl.config.training import Architecture, Training
from mftl.graphs import collate
from mftl.lean import find_forward
from mftl.prediction import predict
from mftl.training import low_rank
from mftl.training.heads import make_graphs
from mftl.training.run import Run

ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
FAST = Training(epochs=4, batch_size=5, energy_weight=100.0, validation_steps=1)
LORA = {"lora": {"rank": 2, "alpha": 1.0}}
DTYPE = torch.float64


def build(max_l: int = 0) -> torch.nn.Module:
    model = models.build_model(SMALL.model_copy(update={"max_l": max_l}), ELEMENTS, 8.0, 1.0, 1, DTYPE)
    models.set_reference_energies(model, -np.arange(6.0))
    return model


def disturb(model: torch.nn.Module) -> None:
    """Give all low-rank matrices numbers that change what the model predicts."""
    torch.manual_seed(5)
    for one in low_rank.factors(model):
        one.data.normal_(std=0.5)


@pytest.fixture(params=[0, 1])
def max_l(request):
    return request.param


@pytest.fixture
def adapted(max_l):
    model = build(max_l)
    low_rank.adapt(model, 2, 1.0)
    return model


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    path = tmp_path_factory.mktemp("parent") / "model.pt"
    models.save_model(build(), path)
    return path


def start(parent, data, folder, settings=FAST, way=LORA, **options) -> Run:
    return Run(data[:20], data[40:], settings, folder, parent=parent, ways=way, **options)


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def close(one, other, tolerance: float) -> None:
    """Compare energies and forces of two predictions."""
    np.testing.assert_allclose(one[0], other[0], atol=tolerance, rtol=0)
    np.testing.assert_allclose(np.concatenate(one[1]), np.concatenate(other[1]), atol=tolerance, rtol=0)


def test_before_the_first_step_it_is_its_parent(adapted, max_l, dft):
    plain = build(max_l)
    close(predict(adapted, dft.structures[:5]), predict(plain, dft.structures[:5]), 1e-12)
    for (name, value), other in zip(low_rank.merged(adapted).named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(value, other), name


def test_lean_layers_and_mace_see_the_same_weights(adapted, max_l, dft):
    """They read the adapted ones; merged into a plain model these are what is written."""
    before = predict(adapted, dft.structures[:5])
    disturb(adapted)
    lean, how = find_forward(adapted)
    assert how.startswith("lean")
    found = predict(adapted, dft.structures[:5], forward=lean)
    assert np.abs(np.concatenate(found[1]) - np.concatenate(before[1])).max() > 0.01
    close(found, predict(adapted, dft.structures[:5], forward=adapted), 1e-9)
    plain = low_rank.merged(adapted)
    close(found, predict(plain, dft.structures[:5]), 1e-12)
    assert plain.state_dict().keys() == build(max_l).state_dict().keys()
    assert low_rank.merged(plain) is plain
    close(found, predict(adapted, dft.structures[:5]), 1e-12)  # a copy was merged


def test_lean_layers_and_mace_have_the_same_gradients(adapted, dft):
    """Of a loss of energies and forces, by the matrices that learn."""
    disturb(adapted)
    for one in adapted.parameters():
        one.requires_grad_(False)
    learning = [one.requires_grad_() for one in low_rank.factors(adapted)]
    batch = collate(make_graphs(adapted, dft[:4]), torch.device("cpu"))
    found = []
    for forward in (find_forward(adapted)[0], adapted):
        output = forward(batch, training=True, compute_force=True)
        loss = (output["interaction_energy"] ** 2).sum() + (output["forces"] ** 2).sum()
        found.append(torch.autograd.grad(loss, learning))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8 * float(other.abs().max()))


def test_it_stays_equivariant(adapted, dft):
    disturb(adapted)
    atoms, turn = dft.structures[3], Rotation.random(random_state=1).as_matrix()
    turned = atoms.copy()
    turned.positions = atoms.positions @ turn.T
    energies, forces = predict(low_rank.merged(adapted), [atoms, turned])
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)
    np.testing.assert_allclose(forces[0] @ turn.T, forces[1], atol=1e-9)


def test_changes_have_the_rank(adapted):
    """Of each matrix between channels of one irrep, of layers with several irreps and of radial networks."""
    disturb(adapted)
    plain = low_rank.merged(adapted)
    names = [name for name, layer in adapted.named_modules() if isinstance(layer, low_rank.Adapted)]
    assert len(names) == 1 + 2 * 5 + 3  # embedding; in a layer up, down, after the product, two radial; readouts
    for name in names:
        layer = plain.get_submodule(name)
        change = layer.weight.detach() - adapted.get_submodule(name).low_rank.original
        blocks = [change] if change.ndim == 2 else list(layer.weight_views(change))
        assert blocks and max(torch.linalg.matrix_rank(one) for one in blocks) <= 2, name
        assert all(one.abs().max() > 0 for one in blocks), name


def test_the_update_is_that_of_its_formula():
    layer = build().interactions[0].conv_tp_weights.layer0
    before = layer.weight.detach().clone()
    holder = torch.nn.Sequential(layer)
    low_rank.adapt(holder, 3, 6.0)
    disturb(holder)
    left, right = low_rank.factors(holder)
    assert (left.shape, right.shape) == ((8, 3), (3, 8))
    torch.testing.assert_close(layer.weight, before + 2.0 * left @ right)
    plain = torch.nn.Sequential(torch.nn.Linear(3, 4))
    before = plain[0].weight.detach().clone()
    low_rank.adapt(plain, 2, 1.0)
    disturb(plain)
    left, right = low_rank.factors(plain)
    torch.testing.assert_close(plain[0].weight, before + 0.5 * (left @ right).T)
    with pytest.raises(ValueError, match="adapted already"):
        low_rank.adapt(plain, 2, 1.0)


def test_only_linear_layers_change(parent, dft, tmp_path):
    run = start(parent, dft, tmp_path)
    trained = {id(one) for one in run.trained}
    assert trained == {id(one) for one in low_rank.factors(run.model)}
    before, after = models.load_model(parent).state_dict(), run.train().state_dict()
    assert before.keys() == after.keys()
    for name, value in after.items():
        stays = "skip_tp" in name or "symmetric_contractions" in name or "bessel" in name
        learns = name.endswith("weight") and value.numel() and not stays
        assert torch.equal(value, before[name]) == (not learns and "atomic_energies" not in name), name


def test_frozen_parts_have_no_matrices_that_learn(parent, dft, tmp_path):
    settings = FAST.model_copy(update={"frozen": ["embedding", "interactions"], "epochs": 1})
    run = start(parent, dft, tmp_path, settings)
    assert 0 < len(run.trained) < len(low_rank.factors(run.model))
    before, after = models.load_model(parent).state_dict(), run.train().state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"products", "readouts", "atomic_energies_fn"}


def test_errors_fall_and_the_seed_decides(parent, dft, tmp_path):
    settings = FAST.model_copy(update={"epochs": 10, "learning_rate": 0.02})
    run = start(parent, dft, tmp_path / "a", settings)
    before = run.errors(run.heads[0], run.validation_graphs)
    model = run.train()
    assert run.errors(run.heads[0], run.validation_graphs).score < 0.9 * before.score
    assert same(model, start(parent, dft, tmp_path / "b", settings).train())
    assert not same(model, start(parent, dft, tmp_path / "c", settings, seed=2).train())


def test_resumed_is_uninterrupted(parent, dft, tmp_path, caplog):
    """Snapshots are plain models, and a state holds the small matrices."""
    start(parent, dft, tmp_path / "a").train((2,), until_best=False)
    with caplog.at_level("INFO"):
        resumed = start(parent, dft, tmp_path / "a").train((2, 4), until_best=False)
    assert "resumed after epoch 2" in caplog.text
    assert same(resumed, start(parent, dft, tmp_path / "b").train((2, 4), until_best=False))
    for epoch in (2, 4):
        snapshot = models.load_model(tmp_path / "a" / "snapshots" / f"e{epoch}.pt")
        assert snapshot.state_dict().keys() == models.load_model(parent).state_dict().keys()
    best = start(parent, dft, tmp_path / "c").train()
    again = start(parent, dft, tmp_path / "c").train()
    assert same(best, again)


def test_rank_and_alpha_make_another_run(parent, dft, tmp_path):
    ways = (LORA, {"lora": {"rank": 3, "alpha": 1.0}}, {"lora": {"rank": 2, "alpha": 2.0}}, {})
    assert len({start(parent, dft, tmp_path, way=one).identity for one in ways}) == 4


def test_with_a_second_head_and_a_scale_that_learns(parent, dft, dftb, tmp_path):
    """Heads share the matrices of their body, and each has those of its readouts."""
    settings = FAST.model_copy(update={"learning_rate_scale": 0.001})
    way = LORA | {"replay": {"data": dftb[:30], "weight": 1.0}}
    run = start(parent, dft, tmp_path, settings, way)
    first, second = (head.model for head in run.heads)
    for (name, a), (_, b) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert (a is b) == (not name.startswith("readouts")), name
    model = run.train()
    expected = run.errors(run.heads[0], run.validation_graphs)
    _, forces = predict(model, dft[40:].structures)
    error = np.concatenate([f - r for f, r in zip(forces, dft[40:].forces, strict=True)])
    assert 1000 * np.sqrt(np.mean(error**2)) == pytest.approx(expected.forces, rel=1e-6)


@pytest.mark.parametrize("weight", [100.0, 0.0])
def test_mace_loads_what_is_written(parent, dft, tmp_path, weight):
    """Also where forces alone are learned, and the reference energies are fitted at the end."""
    from mace.calculators import MACECalculator

    model = start(parent, dft, tmp_path, FAST.model_copy(update={"energy_weight": weight})).train()
    models.save_model(model, tmp_path / "model.pt")
    calculator = MACECalculator(str(tmp_path / "model.pt"), device="cpu", default_dtype="float64")
    energies, forces = predict(model, dft.structures[:3])
    for atoms, energy, force in zip(dft.structures[:3], energies, forces, strict=True):
        atoms = atoms.copy()
        atoms.calc = calculator
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-8)
        np.testing.assert_allclose(force, atoms.get_forces(), atol=1e-9)
