"""Batches of evaluation: what they hold, what happens where memory runs out, and what models of a curve share."""

import logging
import threading
import time

import numpy as np
import pytest
import torch
from ase.build import bulk

from mftl import models
from mftl.batches import EDGES, Limit, ahead, batches
from mftl.config.training import Architecture
from mftl.dynamics.forces import ModelForces
from mftl.lean import find_forward
from mftl.prediction import Graphs, evaluate, predict

KINDS = {"scalars": {"max_l": 0}, "vectors": {"max_l": 1}}


def small_model(elements=("W",), dtype="float64", **settings) -> torch.nn.Module:
    settings = {"channels": 4, "radial_mlp": [8], "cutoff": 4.0} | settings
    return models.build_model(Architecture(**settings), list(elements), 10.0, 1.0, 1, models.DTYPES[dtype])


@pytest.fixture(scope="module")
def crystals():
    """Cells of 1 to 16 atoms in no order, with 14 to 224 edges or more; the last atom alone has none."""
    found = [bulk("W", "bcc", a=3.16, cubic=True) * (1, 1, n) for n in (3, 1, 8, 2, 5, 1, 7)]
    found += [bulk("W", "bcc", a=3.1), bulk("W", "bcc", a=9.0)]
    for k, atoms in enumerate(found):
        atoms.info["id"] = f"cell-{k}"
        atoms.rattle(0.1, seed=k)
    return found


def graphs_of(model, structures):
    return Graphs(structures).of(model)


def edges_of(batch: dict) -> int:
    return batch["edge_index"].shape[1]


@pytest.mark.parametrize("seed", range(20))
def test_every_item_once_in_order_within_the_limits(seed):
    random = np.random.default_rng(seed)
    weights = random.integers(0, 30, 50).tolist()
    found = list(batches(range(50), 6, weights.__getitem__, 40))
    assert [i for own in found for i in own] == list(range(50))
    totals = [sum(weights[i] for i in own) for own in found]
    assert all(1 <= len(own) <= 6 and total <= 40 for own, total in zip(found, totals, strict=True))
    # none could have taken the next one's first as well
    for own, total, after in zip(found, totals, found[1:], strict=False):
        assert len(own) == 6 or total + weights[after[0]] > 40


def test_what_is_beyond_the_limit_is_alone():
    weights = [1, 50, 1, 1, 99, 2]
    assert list(batches(range(6), 10, weights.__getitem__, 10)) == [[0], [1], [2, 3], [4], [5]]
    assert list(batches("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(batches([], 2)) == []


def test_one_is_made_in_advance_in_another_thread():
    made = []

    def make(item):
        made.append(threading.current_thread())
        if item == 4:
            raise ValueError("four")
        return 10 * item

    found = ahead(range(6), make)
    assert next(found) == 0 and next(found) == 10
    while len(made) < 3:
        time.sleep(0.001)
    assert len(made) == 3 and threading.current_thread() not in made
    assert [next(found), next(found)] == [20, 30]
    with pytest.raises(ValueError, match="four"):
        next(found)
    assert list(ahead([], make)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_the_same_whatever_the_limit(crystals, kind):
    model = small_model(**KINDS[kind])
    energies, forces = zip(*(predict(model, [atoms]) for atoms in crystals), strict=True)
    assert np.ptp([len(atoms) for atoms in crystals]) > 10
    for limit in (Limit(), Limit(3), Limit(100, 1), Limit(100, 200), Limit(2, 10**9)):
        found, own = predict(model, crystals, limit)
        np.testing.assert_allclose(found, np.concatenate(energies), rtol=0, atol=1e-10)
        for one, (other,) in zip(own, forces, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


def test_batches_of_a_model_hold_no_more_edges_than_the_limit(crystals):
    model, seen = small_model(), []

    def forward(batch, **how):
        seen.append((edges_of(batch), len(batch["ptr"]) - 1))
        return model(batch, **how)

    largest = max(g.edge_index.shape[1] for g in graphs_of(model, crystals))
    predict(model, crystals, Limit(4, 150), forward=forward)
    assert sum(count for _, count in seen) == len(crystals)
    assert all(edges <= 150 or count == 1 for edges, count in seen) and max(edges for edges, _ in seen) == largest > 150
    assert max(count for _, count in seen) > 1
    seen.clear()
    predict(model, crystals * 40, Limit(10**6), forward=forward)
    assert EDGES["cpu"] * 0.9 < max(edges for edges, _ in seen) <= EDGES["cpu"]


def failing(model, most, error):
    """A forward pass with memory for so many edges, and the numbers of edges that were tried."""
    tried, forward = [], find_forward(model)[0]

    def call(batch, **how):
        tried.append(edges_of(batch))
        if tried[-1] > most:
            raise error
        return forward(batch, **how)

    return call, tried


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("The following operation failed in the TorchScript interpreter.\nCUDA out of memory."),
    ],
)
def test_out_of_memory_halves_the_batch_and_those_that_follow(crystals, caplog, error):
    model = small_model()
    structures = crystals * 2
    energies, forces = predict(model, structures)
    forward, tried = failing(model, 400, error)
    limit = Limit(7)
    with caplog.at_level(logging.WARNING):
        found, own = predict(model, structures, limit, forward=forward)
    np.testing.assert_allclose(found, energies, rtol=0, atol=1e-10)
    np.testing.assert_allclose(np.concatenate(own), np.concatenate(forces), rtol=0, atol=1e-10)
    failures = [edges for edges in tried if edges > 400]
    assert 1 <= len(failures) <= 2  # not once for each batch
    assert limit.edges == failures[-1] // 2
    assert caplog.text.count("out of memory on the GPU with a batch of") == len(failures)
    assert f"going on with {limit.edges} edges at most" in caplog.text
    forward, tried = failing(model, 400, error)
    predict(model, structures, limit, forward=forward)  # the next model of a curve knows
    assert max(tried) <= 400


def test_atoms_without_neighbours_can_be_halved():
    model = small_model()
    alone = [bulk("W", "bcc", a=20.0)] * 9
    graphs = graphs_of(model, alone)
    assert all(g.edge_index.shape[1] == 0 for g in graphs)
    plain, sizes = find_forward(model)[0], []

    def forward(batch, **how):
        sizes.append(len(batch["positions"]))
        if sizes[-1] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(batch, **how)

    energies, forces, _ = evaluate(model, graphs, Limit(), forward=forward)
    assert energies.shape == (9,) and forces.shape == (9, 3) and sizes.count(1) == 9


def test_what_cannot_be_halved_is_raised(crystals):
    model = small_model()
    forward, tried = failing(model, 100, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(torch.OutOfMemoryError):
        predict(model, crystals, forward=forward)
    assert tried[-1] > 100  # that of one cell
    forward, tried = failing(model, 100, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        predict(model, crystals, forward=forward)
    assert len(tried) == 1
    assert all(one.requires_grad for one in model.parameters() if one.is_floating_point())


def test_graphs_are_shared_where_models_agree(crystals):
    first = small_model()
    graphs = Graphs(crystals)
    own = graphs.of(first)
    assert graphs.of(small_model(channels=8, max_l=1)) is own  # of weights and features they do not depend
    energies, forces = predict(first, crystals, graphs=own)
    expected, by_own = predict(first, crystals)
    assert np.array_equal(energies, expected)
    assert all(np.array_equal(a, b) for a, b in zip(forces, by_own, strict=True))
    others = {
        "cutoff": small_model(cutoff=4.5),
        "dtype": small_model(dtype="float32"),
        "elements": small_model(elements=("Ge", "W")),
    }
    for model in others.values():
        made = graphs.of(model)
        assert made is not own
        assert np.array_equal(predict(model, crystals, graphs=made)[0], predict(model, crystals)[0])
    assert graphs.of(others["cutoff"])[0].edge_index.shape[1] > own[0].edge_index.shape[1]
    assert graphs.of(others["dtype"])[0].shifts.dtype == torch.float32
    assert graphs.of(others["elements"])[0].elements.unique().tolist() == [1]
    assert graphs.seconds > 0


@pytest.mark.parametrize("kind", ["lean", "mace"])
@pytest.mark.parametrize("use_forces", [True, False])
def test_nothing_is_kept_for_gradients_by_weights(crystals, kind, use_forces):
    model = small_model(max_l=1)
    model.node_embedding.requires_grad_(False)  # as in training with frozen parts
    trained = [one.requires_grad for one in model.parameters()]
    plain = find_forward(model)[0] if kind == "lean" else model
    assert (plain is model) == (kind == "mace")

    def forward(batch, **how):
        assert not any(one.requires_grad for one in model.parameters())
        assert torch.is_grad_enabled() == use_forces
        result = plain(batch, **how)
        assert use_forces or result["interaction_energy"].grad_fn is None
        return result

    energies, forces, _ = evaluate(model, graphs_of(model, crystals), use_forces=use_forces, forward=forward)
    assert [one.requires_grad for one in model.parameters()] == trained and any(trained) and not all(trained)
    assert (forces is not None) == use_forces
    np.testing.assert_allclose(energies, evaluate(model, graphs_of(model, crystals))[0], rtol=0, atol=1e-10)


def test_replicas_go_into_the_model_by_edges_on_a_gpu_too(crystals, monkeypatch):
    """The same greedy groups; on a CPU they have a limit of their own."""
    forces = ModelForces(small_model(), [crystals[2]] * 9)
    assert len(forces.groups) == 1
    weight = int(forces.weights[0])
    forces.device = torch.device("meta")  # any that is no CPU
    monkeypatch.setitem(EDGES, "meta", 4 * weight)
    monkeypatch.setattr(forces, "_make_group", lambda first, last: (first, last))
    forces._group()
    assert forces.groups == [(0, 4), (4, 8), (8, 9)]


def test_graphs_name_a_structure_with_an_unknown_element(crystals):
    with pytest.raises(ValueError, match="cell-0 holds W"):
        Graphs(crystals).of(small_model(elements=("Ge",)))
