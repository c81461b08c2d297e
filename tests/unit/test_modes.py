"""Ways to train on a parent model: foundation models, frozen layers, a rate for each layer, a second head."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from mace import modules
from mace.tools.scripts_utils import extract_config_mace_model

from mftl import models
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
from mftl.inputs import InputError
from mftl.prediction import predict, predict_with_stress
from mftl.structures import write_structures
from mftl.training import ways
from mftl.training.rates import parameter_groups
from mftl.training.run import Run
from mftl.training.ways import replay as replay_way

SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
MORE_ELEMENTS = ["H", "Li", "C", "N", "O", "F", "Si", "S", "Cl", "W"]
FAST = Training(epochs=4, batch_size=5, energy_weight=100.0, validation_steps=1)
DISCRIMINATIVE = FAST.model_copy(update={"frozen": ["embedding"], "layer_decay": 0.2, "rescale": True})


@pytest.fixture(scope="module")
def foundation(dftb, tmp_path_factory):
    """A model that knows more elements than the molecules have, trained at another level."""
    folder = tmp_path_factory.mktemp("foundation")
    model = Run(dftb[:40], dftb[40:], FAST, folder, architecture=SMALL, elements=MORE_ELEMENTS).train()
    models.set_reference_energies(model, models.reference_energies(model) + np.arange(10.0))
    models.save_model(model, folder / "model.pt")
    return folder / "model.pt"


@pytest.fixture(scope="module")
def two_heads(foundation):
    """The file of a model with heads `a` and `b`, of which `b` is the foundation model."""
    model = models.load_model(foundation)
    settings = extract_config_mace_model(model)
    references = models.reference_energies(model)
    settings |= {"heads": ["a", "b"], "atomic_energies": np.array([references - 7.0, references])}
    settings |= {"atomic_inter_scale": [0.5, model.scale_shift.scale.item()], "atomic_inter_shift": [0.1, 0.0]}
    torch.manual_seed(3)
    both = modules.ScaleShiftMACE(**settings)
    path = foundation.with_name("two.pt")
    models.save_model(both, path)
    return path


def finetune(parent, data: Labelled, folder, settings: Training = FAST, snapshots=(), until_best=True, **options):
    return Run(data[:20], data[40:], settings, folder, parent=parent, **options).train(snapshots, until_best)


def replay(data: Labelled, weight: float = 1.0) -> dict:
    """A second head that learns other data."""
    return {"replay": {"data": data, "weight": weight}}


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_foundation_model_with_more_elements_and_other_references(foundation, dft, tmp_path):
    """References of elements in the training set are refitted, those of all others stay the parent's."""
    model = finetune(foundation, dft, tmp_path)
    assert models.symbols(models.model_elements(model)) == MORE_ELEMENTS
    shift = models.reference_energies(model) - models.reference_energies(models.load_model(foundation))
    seen = np.isin(MORE_ELEMENTS, sorted({s for a in dft.structures[:20] for s in a.get_chemical_symbols()}))
    assert 3 < seen.sum() < 10
    assert (shift[~seen] == 0).all()
    assert np.abs(shift[seen]).min() > 1
    data = dft[:20]
    energies, _ = predict(model, data.structures)
    assert np.abs((energies - data.energies) / [len(a) for a in data.structures]).max() < 2.0  # eV/atom; 10³ before


def test_old_files_lack_heads_and_come_in_float64_with_frozen_weights(foundation, dft, tmp_path):
    old = models.load_model(foundation).double()
    del old.heads
    old.atomic_energies_fn.register_buffer("atomic_energies", old.atomic_energies_fn.atomic_energies.reshape(-1))
    for parameter in old.parameters():
        parameter.requires_grad_(False)
    models.save_model(old, tmp_path / "old.pt")
    model = finetune(tmp_path / "old.pt", dft, tmp_path / "run")
    assert models.model_dtype(model) == torch.float64
    changed = [not torch.equal(a, b) for a, b in zip(model.parameters(), old.parameters(), strict=True)]
    assert all(changed)


@pytest.mark.parametrize("max_l", [0, 1])
@pytest.mark.parametrize("there, here", [("float32", "float64"), ("float64", "float32")])
def test_a_parent_of_another_floating_point_type(dft, tmp_path, max_l, there, here):
    """It is converted where the stage says so, all of it, and predicts the same but for rounding."""
    architecture = SMALL.model_copy(update={"max_l": max_l})
    parent = models.build_model(architecture, ["H", "C", "N", "O", "S", "Cl"], 8.0, 1.0, 1, models.DTYPES[there])
    models.save_model(parent, tmp_path / "parent.pt")
    model = models.load_model(tmp_path / "parent.pt", dtype=here)
    floats = [one for one in [*model.parameters(), *model.buffers()] if one.is_floating_point()]
    assert {one.dtype for one in floats} == {models.DTYPES[here]}
    forces, others = (np.concatenate(predict(one, dft.structures[:4])[1]) for one in (model, parent))
    np.testing.assert_allclose(forces, others, atol=1e-5 * np.abs(others).max())
    settings = FAST.model_copy(update={"epochs": 2, "parent_dtype": here, "dtype": there})
    tuned = finetune(tmp_path / "parent.pt", dft, tmp_path / "run", settings, snapshots=(1,))
    assert models.model_dtype(tuned) == models.DTYPES[here]
    assert models.model_dtype(models.load_model(tmp_path / "run" / "snapshots" / "e1.pt")) == models.DTYPES[here]
    kept = finetune(tmp_path / "parent.pt", dft, tmp_path / "kept", FAST.model_copy(update={"epochs": 1}))
    assert models.model_dtype(kept) == models.DTYPES[there]


def test_one_head_of_several(two_heads, dft):
    both, structures = models.load_model, dft.structures[:5]
    with pytest.raises(InputError, match=r"head None wanted, but the model has a, b; name one"):
        both(two_heads)
    with pytest.raises(InputError, match="head 'c' wanted"):
        both(two_heads, head="c")
    from mace.calculators import MACECalculator

    for head in "ab":
        calculator = MACECalculator(model_paths=str(two_heads), device="cpu", head=head, default_dtype="float64")
        energies, forces = predict(models.load_model(two_heads, head=head).double(), structures)
        for atoms, energy, force in zip(structures, energies, forces, strict=True):
            atoms = atoms.copy()
            atoms.calc = calculator
            assert energy == pytest.approx(atoms.get_potential_energy(), rel=1e-7)
            assert force == pytest.approx(atoms.get_forces(), abs=1e-5)


def test_a_head_that_needs_cuequivariance(two_heads, monkeypatch):
    """A model of its reduced couplings cannot be rebuilt without it."""
    monkeypatch.setattr(models, "has_full_couplings", lambda model: False)
    monkeypatch.setattr(models.wrapper_ops, "CUET_AVAILABLE", False)
    model = models.load_model(two_heads, head="b")  # does not say that it has them
    assert model.heads == ["b"]
    both = torch.load(two_heads, weights_only=False)
    both.use_reduced_cg = True
    models.save_model(both, two_heads.with_name("reduced.pt"))
    with pytest.raises(InputError, match=r"head b cannot be taken out here.*pip install cuequivariance-torch"):
        models.load_model(two_heads.with_name("reduced.pt"), head="b")


def test_one_head_of_several_is_fine_tuned(two_heads, dft, tmp_path):
    model = finetune(two_heads, dft, tmp_path / "a", head="b")
    assert not same(model, finetune(two_heads, dft, tmp_path / "b", head="a"))
    assert len(models.reference_energies(model)) == len(MORE_ELEMENTS)


def test_what_is_no_scale_shift_model_is_named(foundation, tmp_path):
    model = models.load_model(foundation)
    del model.scale_shift
    models.save_model(model, tmp_path / "plain.pt")
    with pytest.raises(InputError, match=r"plain\.pt holds a .*; only ScaleShiftMACE"):
        models.load_model(tmp_path / "plain.pt")


def test_frozen_parts_stay_and_others_learn(foundation, dft, tmp_path):
    parent = models.load_model(foundation).state_dict()
    model = finetune(foundation, dft, tmp_path, FAST.model_copy(update={"frozen": ["embedding", "interactions"]}))
    for name, value in model.named_parameters():
        frozen = name.startswith(("node_embedding", "radial_embedding", "interactions"))
        assert torch.equal(value, parent[name]) == frozen, name


def test_lower_layers_learn_more_slowly(foundation):
    heads = torch.nn.ModuleList([models.load_model(foundation)])
    groups = parameter_groups(heads, DISCRIMINATIVE.model_copy(update={"learning_rate": 0.01}))
    names = {id(parameter): name for name, parameter in heads.named_parameters()}
    rates = {names[id(p)].split(".", 1)[1]: group["lr"] for group in groups for p in group["params"]}
    assert groups[0]["lr"] == 0.01  # the one that the log shows
    assert rates["readouts.0.linear.weight"] == rates["readouts.1.linear_1.weight"] == 0.01
    assert rates["products.1.linear.weight"] == rates["interactions.1.linear.weight"] == pytest.approx(0.002)
    assert rates["products.0.linear.weight"] == rates["interactions.0.linear.weight"] == pytest.approx(0.0004)
    assert not any(name.startswith("node_embedding") for name in rates)
    assert len(parameter_groups(heads, FAST)) == 1


def test_rescaled_model_has_the_scale_of_the_new_data(foundation, dft, tmp_path):
    run = Run(dft[:20], dft[40:], DISCRIMINATIVE, tmp_path, parent=foundation)
    forces = np.concatenate(dft[:20].forces)
    assert run.model.scale_shift.scale.item() == pytest.approx(np.sqrt(np.mean(forces**2)), rel=1e-6)
    assert run.model.scale_shift.scale != models.load_model(foundation).scale_shift.scale


def test_second_head_shares_all_but_its_readouts(foundation, dft, dftb, tmp_path):
    run = Run(dft[:20], dft[40:], FAST, tmp_path, parent=foundation, ways=replay(dftb[:30]))
    first, second = (head.model for head in run.heads)
    for (name, a), (_, b) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert (a is b) == (not name.startswith("readouts")), name
    # each head has the references of its own level, which differ by 10³ eV for a heavy atom
    for head, data in ((first, dft[:20]), (second, dftb[:30])):
        energies, _ = predict(head, data.structures)
        per_atom = (energies - data.energies) / [len(a) for a in data.structures]
        assert np.sqrt(np.mean(per_atom**2)) < 1.0


def test_replayed_data_are_not_forgotten(foundation, dft, dftb, tmp_path):
    """The second head's errors on what the parent learned fall, while the first learns the new level."""
    settings = FAST.model_copy(update={"epochs": 10})
    run = Run(dft[:20], dft[40:], settings, tmp_path, parent=foundation, ways=replay(dftb[:30]))
    before = run.errors(run.heads[1], run.heads[1].graphs), run.errors(run.heads[0], run.validation_graphs)
    model = run.train()
    after = run.errors(run.heads[1], run.heads[1].graphs), run.errors(run.heads[0], run.validation_graphs)
    assert after[0].score < before[0].score and after[1].score < before[1].score
    # what is saved is the first head alone, a model like all others
    models.save_model(model, tmp_path / "model.pt")
    log = pd.read_csv(tmp_path / "log.csv")
    _, forces = predict(models.load_model(tmp_path / "model.pt"), dft[40:].structures)
    error = np.concatenate([f - r for f, r in zip(forces, dft[40:].forces, strict=True)])
    best = log.loc[log["validation_score"].idxmin(), "force_rmse_mev_per_A"]
    assert 1000 * np.sqrt(np.mean(error**2)) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("count", [7, 20, 33])
def test_replay_gives_as_many_structures_as_the_training_set(foundation, dft, dftb, tmp_path, count):
    run = Run(dft[:20], dft[40:], FAST, tmp_path, parent=foundation, ways=replay(dftb[:count]))
    drawn = [id(graph) for batch in run.shuffled(run.heads[1].graphs) for graph in batch]
    assert len(drawn) == 20
    assert len(set(drawn)) == min(count, 20)


def test_force_of_a_fine_tuned_head_is_the_gradient_of_its_energy(foundation, dft, dftb, tmp_path):
    model = finetune(foundation, dft, tmp_path, ways=replay(dftb[:30])).double()
    atoms, step = dft.structures[8].copy(), 1e-4
    _, forces = predict(model, [atoms])
    moved = [atoms.copy(), atoms.copy()]
    moved[0].positions[1, 2] += step
    moved[1].positions[1, 2] -= step
    energies, _ = predict(model, moved)
    assert forces[0][1, 2] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-5)


@pytest.mark.parametrize("mode", ["discriminative", "multihead"])
def test_resumed_is_uninterrupted_in_every_mode(foundation, dft, dftb, tmp_path, caplog, mode):
    settings = DISCRIMINATIVE if mode == "discriminative" else FAST
    options = {"snapshots": (2,), "until_best": False} | ({"ways": replay(dftb[:30])} if mode == "multihead" else {})
    finetune(foundation, dft, tmp_path / "a", settings, **options)
    with caplog.at_level("INFO"):
        resumed = finetune(foundation, dft, tmp_path / "a", settings, **options | {"snapshots": (2, 4)})
    assert "resumed after epoch 2" in caplog.text
    assert same(resumed, finetune(foundation, dft, tmp_path / "b", settings, **options | {"snapshots": (2, 4)}))


def test_other_replayed_data_are_another_run(foundation, dft, dftb, tmp_path):
    runs = [
        Run(dft[:20], dft[40:], FAST, tmp_path, parent=foundation, ways=ways)
        for ways in (replay(dftb[:9]), replay(dftb[:8]), replay(dftb[:9], 0.5), {})
    ]
    assert len({run.identity for run in runs}) == 4


def test_labels_of_the_parent_start_without_error(foundation, dft, tmp_path):
    """Of structures alone, with the parent's own reference energies; they are part of what a run is recognised by."""
    settings = FAST.model_copy(update={"parent_dtype": "float64"})
    bare = Labelled(dft.structures[:30], np.full(30, np.nan), None)
    ways = {"replay": {"data": bare, "weight": 1.0, "labels": "parent"}}
    run = Run(dft[:20], dft[40:], settings, tmp_path, parent=foundation, ways=ways)
    second = run.heads[1]
    error = run.errors(second, second.graphs)
    assert error.energy < 1e-6 and error.forces < 1e-6
    parent = models.load_model(foundation, dtype="float64")
    energies, forces = predict(parent, bare.structures)
    np.testing.assert_allclose(second.data.energies, energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.concatenate(second.data.forces), np.concatenate(forces), atol=1e-10)
    assert second.data.stresses is None
    model = run.train()
    after = run.errors(second, second.graphs).forces
    _, naive = predict(finetune(foundation, dft, tmp_path / "naive", settings), bare.structures)
    forgotten = 1000 * np.sqrt(np.mean((np.concatenate(naive) - np.concatenate(forces)) ** 2))
    assert 0 < after < forgotten
    again = Run(dft[:20], dft[40:], settings, tmp_path, parent=foundation, ways=ways)
    assert again.identity == run.identity and same(again.train(), model)
    for other in ({"data": bare[:29]}, {"data": dft[:30], "labels": None}):
        ways = {"replay": {"data": bare, "weight": 1.0, "labels": "parent"} | other}
        assert Run(dft[:20], dft[40:], settings, tmp_path, parent=foundation, ways=ways).identity != run.identity


def test_the_parent_labels_crystals_with_stress(tmp_path):
    crystal = bulk("W", cubic=True)
    crystal.rattle(0.05, seed=1)
    model = models.build_model(SMALL, ["W"], 8.0, 1.0, 1, torch.float64)
    found = replay_way.labelled_by(model, [crystal])
    _, _, stresses = predict_with_stress(model, [crystal])
    np.testing.assert_allclose(found.stresses, stresses)
    with pytest.raises(InputError, match="Mo"):
        replay_way.labelled_by(model, [bulk("Mo", cubic=True)])


def joint(*parts: Labelled) -> dict:
    """Other heads that learn other parts of a joint stage."""
    return {"joint": list(parts)}


def test_levels_at_once_from_random_weights(dft, dftb, tmp_path):
    """Each head has the reference energies and the scale of its level before the first step, and all learn."""
    settings = FAST.model_copy(update={"epochs": 8})
    low = Labelled(dftb.structures, 2 * dftb.energies, [3 * one for one in dftb.forces])
    options = {"architecture": SMALL, "elements": MORE_ELEMENTS, "ways": joint(dftb[:40], low[:30])}
    run = Run(dft[:20], dft[40:], settings, tmp_path, **options)
    models_of_heads = [head.model for head in run.heads]
    scales = [model.scale_shift.scale.item() for model in models_of_heads]
    for scale, data in zip(scales, (dft[:20], dftb[:40], low[:30]), strict=True):
        assert scale == pytest.approx(np.sqrt(np.mean(np.concatenate(data.forces) ** 2)), rel=1e-6)
    alone = Run(dft[:20], dft[40:], settings, tmp_path / "alone", **options | {"ways": {}})
    assert same(run.model, alone.model)
    before = [run.errors(head, head.graphs) for head in run.heads]
    assert all(one.energy < 1000.0 for one in before)  # meV/atom; the levels' zeros differ by 10⁶
    run.train()
    after = [run.errors(head, head.graphs) for head in run.heads]
    assert all(new.score < old.score for new, old in zip(after, before, strict=True))
    first, *others = models_of_heads
    for other in others:
        for (name, a), (_, b) in zip(first.named_parameters(), other.named_parameters(), strict=True):
            assert (a is b) == (not name.startswith("readouts")), name
            assert torch.equal(a, b) == (not name.startswith("readouts")), name


def test_a_joint_stage_resumes_and_is_a_plain_model(dft, dftb, tmp_path, caplog):
    """Also after a parent, in which case its readouts are where all heads begin."""
    from mace.calculators import MACECalculator

    options = {"architecture": SMALL, "elements": MORE_ELEMENTS, "ways": joint(dftb[:40])}
    Run(dft[:20], dft[40:], FAST, tmp_path / "a", **options).train((2,), False)
    with caplog.at_level("INFO"):
        resumed = Run(dft[:20], dft[40:], FAST, tmp_path / "a", **options).train((2, 4), False)
    assert "resumed after epoch 2" in caplog.text
    assert same(resumed, Run(dft[:20], dft[40:], FAST, tmp_path / "b", **options).train((2, 4), False))
    path = tmp_path / "a" / "snapshots" / "e4.pt"
    atoms = dft.structures[4].copy()
    atoms.calc = MACECalculator(str(path), device="cpu", default_dtype="float64")
    double = models.load_model(path, dtype="float64")
    (energy,), (forces,) = predict(double, [atoms])
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-8)
    run = Run(dft[:20], dft[40:], FAST, tmp_path / "c", parent=path, ways=joint(dftb[:40]))
    assert all(run.errors(head, head.graphs).energy < 500 for head in run.heads)  # of their own levels, 10⁶ apart


def test_other_parts_are_read_from_their_training_sets(inputs, dft):
    """Of their own split, and of another order for each seed where that is wanted."""
    files = {"joint_0": inputs["replay"], "joint_split_0": inputs["replay_split"]}
    part = {"system": "molecules", "level": "dftb-ptbp", "size": 4, "order": None}
    (found,) = ways.read({"joint": [part]}, files, "stage")["joint"]
    training = json.loads(inputs["replay_split"].read_text())["training"]
    assert [atoms.info["id"] for atoms in found.structures] == training[:4]
    (other,) = ways.read({"joint": [part | {"order": 2}]}, files, "stage")["joint"]
    chosen = {atoms.info["id"] for atoms in other.structures}
    assert len(chosen) == 4 and chosen < set(training) and chosen != set(training[:4])
    with pytest.raises(InputError, match=r"molecules\.dftb-ptbp of stage: 11 structures wanted, but only 10"):
        ways.read({"joint": [part | {"size": 11}]}, files, "stage")


def test_structures_for_the_parent_need_no_labels(inputs, dftb, tmp_path):
    pool = [atoms.copy() for atoms in dftb.structures]
    write_structures(tmp_path / "pool.extxyz", [Atoms(a.numbers, a.positions, info={"id": a.info["id"]}) for a in pool])
    value = {"structures": 7, "weight": 1.0, "labels": "parent"}
    files = {"replay": [tmp_path / "pool.extxyz"], "replay_split": inputs["replay_split"]}
    found = ways.read({"replay": value}, files, "stage")["replay"]
    training = json.loads(inputs["replay_split"].read_text())["training"]
    assert [atoms.info["id"] for atoms in found["data"].structures] == training[:7]
    assert np.isnan(found["data"].energies).all() and found["labels"] == "parent"
    every = ways.read({"replay": value | {"structures": None}}, {"replay": files["replay"]}, "stage")["replay"]
    assert len(every["data"]) == len(pool)
    labelled = ways.read({"replay": value}, inputs, "stage")["replay"]["data"]
    assert np.isnan(labelled.energies).all() and len(labelled) == 7


@pytest.fixture
def inputs(dftb, tmp_path):
    """Files as the rule names them: labels to replay, and a split that tests on all but ten of them."""
    structures = [atoms.copy() for atoms in dftb.structures]
    for atoms, energy, forces in zip(structures, dftb.energies, dftb.forces, strict=True):
        atoms.info["REF_energy"], atoms.arrays["REF_forces"] = energy, forces
    write_structures(tmp_path / "labels.extxyz", structures)
    ids = [atoms.info["id"] for atoms in structures]
    split = {"training": ids[9::-1], "validation": ids[10:20], "test": ids[20:]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    return {"replay": [tmp_path / "labels.extxyz"], "replay_split": tmp_path / "split.json"}


@pytest.mark.parametrize(("count", "split", "expected"), [(3, True, 3), (None, True, 10), (None, False, 60)])
def test_only_training_structures_are_replayed(dftb, inputs, count, split, expected):
    values = {"replay": {"structures": count, "weight": 0.5}, "elements": {"Ge": "Si"}}
    inputs = inputs if split else {"replay": inputs["replay"]}
    needed = ways.read(values, inputs, "a stage")
    assert needed["elements"] == {"Ge": "Si"} and needed["replay"]["weight"] == 0.5
    ids = [atoms.info["id"] for atoms in needed["replay"]["data"].structures]
    all_ids = [atoms.info["id"] for atoms in dftb.structures]
    assert ids == (all_ids[9::-1][:expected] if split else all_ids) and len(ids) == expected
