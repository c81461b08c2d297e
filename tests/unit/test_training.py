"""The trainer: physics of the model it makes, and the promises it gives about resuming and stopping."""

import logging
import multiprocessing
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms

from mftl import models
from mftl.batches import ahead
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled, choose
from mftl.extxyz import read_ids
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.training.loss import weighted_loss
from mftl.training.run import Run
from mftl.training.start import adapt_parent

LABELS = Path("resources/molecules/molecules.pbe0-d3.extxyz.xz").resolve()
ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
FAST = Training(epochs=6, batch_size=5, energy_weight=100.0, validation_steps=1)


def part(data: Labelled, start: int, stop: int) -> Labelled:
    return Labelled(data.structures[start:stop], data.energies[start:stop], data.forces[start:stop])


def run(
    data: Labelled, folder: Path, settings: Training = FAST, snapshots=(), until_best=True, **options
) -> torch.nn.Module:
    options = {"architecture": SMALL, "elements": ELEMENTS} | options
    return Run(part(data, 0, 40), part(data, 40, 60), settings, folder, **options).train(snapshots, until_best)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return model.state_dict()


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    left, right = weights(a), weights(b)
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.fixture(scope="module")
def trained(dft, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    model = run(dft, folder, FAST.model_copy(update={"epochs": 20}))
    models.save_model(model, folder / "model.pt")
    return folder


def test_errors_fall(trained):
    log = pd.read_csv(trained / "log.csv")
    assert log["validation_score"].min() < 0.7 * log["validation_score"].iloc[0]
    assert log["force_rmse_mev_per_A"].min() < 0.8 * log["force_rmse_mev_per_A"].iloc[0]


def test_forces_are_the_gradient_of_the_energy(trained, dft):
    model = models.load_model(trained / "model.pt").double()
    atoms = dft.structures[8].copy()
    _, forces = predict(model, [atoms])
    step = 1e-4
    for atom, axis in ((0, 0), (1, 2), (2, 1)):
        moved = [atoms.copy(), atoms.copy()]
        moved[0].positions[atom, axis] += step
        moved[1].positions[atom, axis] -= step
        energies, _ = predict(model, moved)
        assert forces[0][atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-5)


def test_energy_is_invariant_and_forces_turn_with_the_molecule(trained, dft):
    model = models.load_model(trained / "model.pt").double()
    atoms = dft.structures[17].copy()
    moved = atoms.copy()
    moved.rotate(37.0, (1, 2, 3))
    moved.translate((5.0, -1.0, 2.0))
    turn = Atoms("H3", np.eye(3))
    turn.rotate(37.0, (1, 2, 3))
    order = np.random.default_rng(0).permutation(len(atoms))
    energies, forces = predict(model, [atoms, moved, moved[order]])
    assert energies == pytest.approx(energies[0], abs=1e-8)
    assert forces[1] == pytest.approx(forces[0] @ turn.positions, abs=1e-8)
    assert forces[2] == pytest.approx(forces[1][order], abs=1e-8)


def test_plain_mace_calculator_gives_the_same(trained, dft):
    from mace.calculators import MACECalculator

    calculator = MACECalculator(model_paths=str(trained / "model.pt"), device="cpu")
    energies, forces = predict(models.load_model(trained / "model.pt"), dft.structures[:10])
    for atoms, energy, force in zip(dft.structures[:10], energies, forces, strict=True):
        atoms = atoms.copy()
        atoms.calc = calculator
        # float32: seven digits of a total energy of 10³ to 10⁴ eV
        assert atoms.get_potential_energy() == pytest.approx(energy, rel=3e-7)
        assert atoms.get_forces() == pytest.approx(force, abs=2e-5)


def test_finetuning_starts_from_refitted_reference_energies(trained, dftb, caplog):
    """DFTB counts valence electrons only: the parent's references are off by 10³ eV for each heavy atom."""
    data = part(dftb, 0, 40)
    parent = models.load_model(trained / "model.pt")
    before = models.reference_energies(parent)
    with caplog.at_level(logging.INFO):
        adapted = models.load_model(trained / "model.pt")
        adapt_parent(adapted, data, FAST)
    assert np.abs(models.reference_energies(adapted) - before).max() > 500
    energies, _ = predict(adapted, data.structures)
    per_atom = (energies - data.energies) / [len(atoms) for atoms in data.structures]
    assert np.sqrt(np.mean(per_atom**2)) < 1.0  # eV/atom; 10² without the refit
    assert all(torch.equal(a, b) for a, b in zip(adapted.parameters(), parent.parameters(), strict=True))
    assert "reference energies refitted" in caplog.text


def test_reference_energies_are_read_back(trained):
    model = models.load_model(trained / "model.pt")
    model.atomic_energies_fn.register_buffer("atomic_energies", torch.zeros(1, 6, dtype=torch.float16))
    with pytest.raises(RuntimeError, match="read back"):
        models.set_reference_energies(model, np.array([-13.6, -1027.6, -1484.3, -2039.7, -10828.7, -12516.4]))


def test_rank_deficient_compositions_are_no_error():
    counts = np.array([[2.0, 1.0], [4.0, 2.0]])
    energies = np.array([-10.0, -20.0])
    assert counts @ models.fit_reference_energies(counts, energies) == pytest.approx(energies)


def test_unknown_element_is_named(trained, dft, tmp_path):
    silane = Atoms("SiH4", np.random.default_rng(0).normal(size=(5, 3)), info={"id": "silane-7"})
    data = Labelled([silane], np.array([-100.0]), [np.zeros((5, 3))])
    with pytest.raises(InputError, match=r"silane-7 holds Si.*it knows H, C, N, O, S, Cl"):
        Run(data, data, FAST, tmp_path, parent=trained / "model.pt")


def test_snapshot_is_the_model_of_a_shorter_training(dft, tmp_path):
    """The schedule does not depend on the number of epochs, so one long run serves every shorter one."""
    settings = FAST.model_copy(update={"learning_rate_half_life": 20})
    run(dft, tmp_path / "long", settings, snapshots=(3, 5), until_best=False)
    short = run(dft, tmp_path / "short", settings, snapshots=(3,), until_best=False)
    assert same(models.load_model(tmp_path / "long" / "snapshots" / "e3.pt"), short)
    assert not same(models.load_model(tmp_path / "long" / "snapshots" / "e5.pt"), short)


@pytest.mark.parametrize("size", [10, 40])
def test_the_learning_rate_falls_to_the_final_one_at_the_end_of_the_planned_epochs(dft, size, tmp_path):
    """Sets of all sizes see the same fall, whatever the number of their steps; a longer run is another one."""
    settings = FAST.model_copy(update={"epochs": 2, "min_steps": 16, "learning_rate_final": 1e-4})
    data = part(dft, 0, size), part(dft, 40, 60)
    of_a_small_model = {"architecture": SMALL, "elements": ELEMENTS}
    first = Run(*data, settings, tmp_path, **of_a_small_model)
    first.train()
    assert first.progress.step == 16
    assert first.progress.history[-1]["learning_rate"] == pytest.approx(1e-4)
    middle = next(row for row in first.progress.history if row["step"] == 8)
    assert middle["learning_rate"] == pytest.approx(1e-3)  # between 0.01 and 1e-4
    longer = Run(*data, settings.model_copy(update={"min_steps": 32}), tmp_path, **of_a_small_model)
    assert longer.identity != first.identity
    longer.train()
    assert longer.progress.history[0]["learning_rate"] > first.progress.history[0]["learning_rate"]


def test_the_learning_rate_falls_linearly_to_zero(dft, tmp_path):
    """With the last step all rates end, also those of scale and shift."""
    settings = {"epochs": 2, "min_steps": 16, "learning_rate_final": 0.0, "learning_rate_shift": 0.05}
    first = Run(part(dft, 0, 40), part(dft, 40, 60), FAST.model_copy(update=settings), tmp_path, SMALL, ELEMENTS)
    first.train()
    rates = {row["step"]: row["learning_rate"] for row in first.progress.history}
    assert rates[8] == pytest.approx(0.005) and max(map(abs, first.optimizer.rates)) < 1e-12
    assert len(first.optimizer.rates) == 2


def test_scale_and_shift_that_learn(dft, tmp_path):
    """They change, at their own rates; the model is a plain one with the numbers that validation saw."""
    settings = FAST.model_copy(update={"learning_rate_scale": 0.01, "learning_rate_shift": 0.05, "dtype": "float64"})
    trainer = Run(part(dft, 0, 40), part(dft, 40, 60), settings, tmp_path / "a", SMALL, ELEMENTS)
    start = models.reference_energies(trainer.model).copy()
    model = trainer.train(snapshots=(3, 6), until_best=False)
    adjustment = trainer.heads[0].adjustment
    assert adjustment.scale.item() != 1 and (adjustment.shift.abs() > 1e-4).any()
    assert type(model).__name__ == "ScaleShiftMACE" and not any("adjust" in name for name in model.state_dict())
    assert (models.reference_energies(model) != start).any()
    log = pd.read_csv(tmp_path / "a" / "log.csv")
    energies, forces = predict(model, dft.structures[40:60])
    sizes = np.array([len(atoms) for atoms in dft.structures[40:60]])
    found = 1000 * np.sqrt(np.mean(((energies - dft.energies[40:60]) / sizes) ** 2))
    assert found == pytest.approx(log["energy_rmse_mev_per_atom"].iloc[-1], rel=1e-6)
    force = 1000 * np.sqrt(np.mean((np.concatenate(forces) - np.concatenate(dft.forces[40:60])) ** 2))
    assert force == pytest.approx(log["force_rmse_mev_per_A"].iloc[-1], rel=1e-6)
    for snapshots in ((3,), (3, 6)):  # interrupted after the third epoch
        resumed = run(dft, tmp_path / "b", settings, snapshots=snapshots, until_best=False)
    assert same(resumed, model)
    best = run(dft, tmp_path / "c", settings)
    assert type(best).__name__ == "ScaleShiftMACE" and best.scale_shift.scale != trainer.model.scale_shift.scale


def test_longer_run_continues_a_shorter_one(dft, tmp_path, caplog):
    run(dft, tmp_path / "a", snapshots=(2,), until_best=False)
    with caplog.at_level(logging.INFO):
        longer = run(dft, tmp_path / "a", snapshots=(2, 4), until_best=False)
    assert "resumed after epoch 2" in caplog.text
    assert same(longer, run(dft, tmp_path / "b", snapshots=(2, 4), until_best=False))


STOPPING = FAST.model_copy(update={"epochs": 12, "patience": 2, "learning_rate": 0.05, "ema_decay": 0.0})


def test_twice_the_budget_continues_where_patience_ended(dft, tmp_path, caplog):
    twice = STOPPING.model_copy(update={"epochs": 24, "patience": 4})
    run(dft, tmp_path / "once", STOPPING)
    ended = len(pd.read_csv(tmp_path / "once/log.csv"))
    assert ended < 12
    with caplog.at_level(logging.INFO):
        longer = run(dft, tmp_path / "twice", twice, shorter=tmp_path / "once/state.pt")
    assert f"resumed after epoch {ended}" in caplog.text
    assert same(longer, run(dft, tmp_path / "fresh", twice))
    logs = [pd.read_csv(tmp_path / one / "log.csv")["training_loss"] for one in ("once", "twice", "fresh")]
    assert list(logs[1]) == list(logs[2]) and list(logs[0]) == list(logs[1][:ended]) and len(logs[1]) > ended


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ({"patience": 4}, {"patience": 2}, "waited longer for a better model than 2 validations"),
        ({"snapshots": (11,)}, {"patience": 4}, "did not look for a better model after epoch"),
    ],
)
def test_a_run_whose_search_was_another_is_not_continued(dft, tmp_path, caplog, first, then, message):
    def one(folder, snapshots=(), **changes):
        return run(dft, tmp_path / folder, STOPPING.model_copy(update=changes), snapshots=snapshots)

    one("a", **first)
    with caplog.at_level(logging.INFO):
        again = one("a", **then)
    assert message in caplog.text
    assert same(again, one("fresh", **then))


def test_another_run_s_state_is_not_continued(dft, dftb, tmp_path, caplog):
    run(dftb, tmp_path / "a")
    with caplog.at_level(logging.INFO):
        again = run(dft, tmp_path / "a")
    assert "belongs to another run" in caplog.text
    assert same(again, run(dft, tmp_path / "b"))


def test_early_stopping_stops(dft, tmp_path):
    """With a learning rate far too high nothing improves for long."""
    settings = FAST.model_copy(update={"epochs": 500, "patience": 4, "learning_rate": 0.1, "ema_decay": 0.0})
    run(dft, tmp_path, settings)
    log = pd.read_csv(tmp_path / "log.csv")
    best = log["validation_score"].idxmin()
    assert len(log) < 500
    assert len(log) - 1 - best == 4


def test_best_model_is_the_one_returned(dft, tmp_path):
    model = run(dft, tmp_path, FAST.model_copy(update={"learning_rate": 0.05}))
    log = pd.read_csv(tmp_path / "log.csv")
    validation = part(dft, 40, 60)
    _, forces = predict(model, validation.structures)
    error = 1000 * np.sqrt(
        np.mean(np.concatenate([f - r for f, r in zip(forces, validation.forces, strict=True)]) ** 2)
    )
    assert error == pytest.approx(log.loc[log["validation_score"].idxmin(), "force_rmse_mev_per_A"], rel=1e-4)


def test_energy_only_mode_needs_no_forces(dft, tmp_path):
    blind = Labelled(dft.structures, dft.energies, [np.full_like(f, np.nan) for f in dft.forces])
    run(blind, tmp_path, FAST.model_copy(update={"forces_weight": 0.0, "epochs": 12}))
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["validation_score"].iloc[-1] < log["validation_score"].iloc[0]


def test_divergence_is_a_message(dft, tmp_path):
    broken = Labelled(dft.structures, dft.energies, [f * np.inf for f in dft.forces])
    with pytest.raises(InputError, match="diverged at step 1"):
        run(Labelled(broken.structures, broken.energies, broken.forces), tmp_path)


@pytest.mark.parametrize("place", [0, 19, 20, 39])
def test_divergence_names_its_step_though_losses_are_looked_at_rarely(dft, tmp_path, place):
    """One of 40 structures, whose step is known from the order of the second epoch, has an extreme force."""
    settings = FAST.model_copy(update={"batch_size": 1})
    own = Run(part(dft, 0, 40), part(dft, 40, 60), settings, tmp_path, SMALL, ELEMENTS)
    own.one_epoch()
    order = torch.randperm(40, generator=torch.Generator().set_state(own.shuffle.get_state()))
    own.heads[0].graphs[order[place]].forces[0, 0] = np.inf
    with pytest.raises(InputError, match=rf"diverged at step {40 + place + 1}: the loss is inf\. Lower"):
        own.train()
    assert not own.state_path.exists() and own.progress.epoch == 1


def test_batches_made_beside_the_steps_change_nothing(dft, tmp_path, monkeypatch):
    before = run(dft, tmp_path / "a")
    monkeypatch.setattr("mftl.training.run.BESIDE", {"cpu"})
    used = []
    monkeypatch.setattr("mftl.training.run.ahead", lambda *what: used.append(what) or ahead(*what))
    assert same(before, run(dft, tmp_path / "b")) and len(used) == FAST.epochs


def test_seeds_differ_and_repeat(dft, tmp_path):
    first = run(dft, tmp_path / "a", seed=1)
    assert same(first, run(dft, tmp_path / "b", seed=1))
    assert not same(first, run(dft, tmp_path / "c", seed=2))


@pytest.fixture(scope="module")
def processes():
    """A server whose forks train: they share nothing with this process, nor with each other."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mftl.training.run", "mftl.mace_imports"])
    return context


def epoch_of(state: Path) -> int:
    """The epoch after which a state was written; 0 if there is none."""
    return torch.load(state, weights_only=False)["progress"]["epoch"] if state.exists() else 0


def train_in_a_process(folder: Path, dtype: str) -> None:
    """Sixteen epochs whose state is written after each."""
    ids = read_ids(LABELS)
    training, validation = choose([LABELS], [(ids[:40], None), (ids[40:60], None)])
    settings = Training(epochs=16, batch_size=5, validation_steps=1, dtype=dtype, learning_rate_half_life=50)
    options = {"architecture": SMALL, "elements": ELEMENTS, "checkpoint_seconds": 0.0}
    models.save_model(Run(training, validation, settings, folder, **options).train(), folder / "model.pt")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_resumed_after_a_kill_is_uninterrupted_bit_for_bit(dtype, tmp_path, processes):
    """SIGKILL in the middle, then the same call: the same bits in the weights, the same log."""

    def call(folder, kill_after_epoch=None):
        process = processes.Process(target=train_in_a_process, args=(folder, dtype))
        process.start()
        if kill_after_epoch is None:
            process.join(timeout=300)
            assert process.exitcode == 0
            return
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.is_alive() and epoch_of(folder / "state.pt") < kill_after_epoch:
            time.sleep(0.05)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run ended before it could be killed"

    call(tmp_path / "through")
    call(tmp_path / "killed", kill_after_epoch=3)
    call(tmp_path / "killed", kill_after_epoch=8)
    call(tmp_path / "killed")
    assert same(models.load_model(tmp_path / "through/model.pt"), models.load_model(tmp_path / "killed/model.pt"))
    assert (tmp_path / "through/log.csv").read_text() == (tmp_path / "killed/log.csv").read_text()


def test_huber_loss_is_linear_for_large_deviations():
    settings = Training(energy_weight=1.0, forces_weight=2.0, huber_delta=0.1)
    energy, forces = torch.tensor([0.05]), torch.tensor([[0.05, 1.0, 0.0]])
    squared = weighted_loss(energy, forces, None, settings.model_copy(update={"huber_delta": None}))
    assert float(squared) == pytest.approx(0.05**2 + 2 * (0.05**2 + 1.0) / 3)
    robust = weighted_loss(energy, forces, None, settings)
    assert float(robust) == pytest.approx(0.05**2 + 2 * (0.05**2 + 0.1 * (2 * 1.0 - 0.1)) / 3)


def test_short_run_is_validated_at_its_end(dft, tmp_path):
    """Shorter than the distance of two validations: the model is the trained one, not the one it started from."""
    settings = FAST.model_copy(update={"epochs": 2, "validation_steps": 1000})
    model = run(dft, tmp_path, settings)
    log = pd.read_csv(tmp_path / "log.csv")
    assert list(log["validation_score"].notna()) == [False, True]
    _, forces = predict(model, part(dft, 40, 60).structures)
    error = np.concatenate([f - r for f, r in zip(forces, part(dft, 40, 60).forces, strict=True)])
    assert 1000 * np.sqrt(np.mean(error**2)) == pytest.approx(log["force_rmse_mev_per_A"].iloc[1], rel=1e-4)
    longer = run(dft, tmp_path, settings.model_copy(update={"epochs": 3}))
    assert same(longer, run(dft, tmp_path / "fresh", settings.model_copy(update={"epochs": 3})))


def test_element_without_training_data_is_told(dft, tmp_path, caplog):
    few = [i for i, atoms in enumerate(dft.structures) if set(atoms.get_chemical_symbols()) <= {"C", "H"}]
    data = Labelled([dft.structures[i] for i in few], dft.energies[few], [dft.forces[i] for i in few])
    with caplog.at_level(logging.WARNING):
        Run(data, part(dft, 40, 60), FAST, tmp_path, architecture=SMALL, elements=ELEMENTS)
    assert "no training structure holds Cl, N, O, S" in caplog.text
