"""What a model sees in structures: derivatives of energies and forces by weights."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from mftl import models
from mftl.config.training import Architecture
from mftl.features import LastLayer, Sketch, collected, graphs_of, root
from mftl.graphs import collate
from mftl.inputs import InputError
from mftl.lean import find_forward
from mftl.prediction import evaluate

ELEMENTS = ["H", "C", "O"]


def model(max_l: int = 0, seed: int = 1, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    architecture = Architecture(channels=4, radial_mlp=[8], readout_channels=4, max_l=max_l)
    found = models.build_model(architecture, ELEMENTS, 8.0, 1.3, seed, dtype)
    found.scale_shift.shift.fill_(0.2)
    return found


def structures() -> list[Atoms]:
    found = [molecule(name) for name in ("CH3CH2OH", "H2O", "CH4", "CH3OH")]
    random = np.random.default_rng(0)
    for i, atoms in enumerate(found):
        atoms.positions += 0.1 * random.standard_normal(atoms.positions.shape)
        atoms.info["id"] = str(i)
    return found


@pytest.mark.parametrize("max_l", [0, 1])
def test_energies_and_forces_are_linear_in_the_last_layers(max_l):
    some, own = structures(), model(max_l)
    last = LastLayer(own)
    seen = list(last.of(graphs_of(own, some), rows=True, limit=3))
    energies, forces, _ = evaluate(own, graphs_of(own, some))
    found = [one.phi @ last.weights + 0.2 * len(atoms) for one, atoms in zip(seen, some, strict=True)]
    np.testing.assert_allclose(found, energies, atol=1e-12)
    np.testing.assert_allclose(np.concatenate([one.rows @ last.weights for one in seen]), forces.ravel(), atol=1e-12)
    assert np.abs(forces).max() > 1e-3 and seen[0].rows.shape == (27, len(last.weights))


def test_batches_and_turned_structures_are_seen_alike():
    some, own = structures(), model()
    alone = [next(LastLayer(own).of(graphs_of(own, [one]), rows=True)) for one in some]
    together = list(LastLayer(own).of(graphs_of(own, some), rows=True))
    turned = [one.copy() for one in some]
    for one in turned:
        one.rotate(40, (1, 2, 3))
    turned = list(LastLayer(own).of(graphs_of(own, turned), rows=True))
    for a, b, c in zip(alone, together, turned, strict=True):
        np.testing.assert_allclose(a.phi, b.phi, atol=1e-13)
        np.testing.assert_allclose(a.phi, c.phi, atol=1e-12)
        np.testing.assert_allclose(root(a.rows), root(c.rows), atol=1e-7)
        assert np.abs(a.rows - c.rows).max() > 1e-3


def test_root_keeps_the_gram_matrix():
    rows = np.random.default_rng(1).normal(size=(12, 5))
    flat, matrix = root(rows), np.zeros((5, 5))
    upper = np.triu_indices(5)
    matrix[upper] = flat / np.where(upper[0] == upper[1], 1, np.sqrt(2))
    matrix = matrix + matrix.T - np.diag(np.diag(matrix))
    np.testing.assert_allclose(matrix @ matrix, rows.T @ rows / 12, atol=1e-12)
    assert flat @ flat == pytest.approx(np.trace(rows.T @ rows) / 12)  # its norm is that of the matrix


def test_sketches_keep_inner_products_of_gradients():
    own, some = model(), structures()
    forward, _ = find_forward(own)
    gradients = []
    for graph in graphs_of(own, some):
        energy = forward(collate([graph], torch.device("cpu")), training=True, compute_force=False)
        found = torch.autograd.grad(energy["interaction_energy"].sum(), own.parameters(), allow_unused=True)
        gradients.append(torch.cat([one.reshape(-1) for one in found if one is not None]).numpy())
    exact = np.array(gradients) @ np.array(gradients).T
    drawn = []
    for seed in range(200):
        sketches = np.array(list(Sketch(own, 64, seed).of(graphs_of(own, some))))
        drawn.append(sketches @ sketches.T)
    error = np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert (np.abs(np.mean(drawn, axis=0) - exact) < 4.5 * error).all()
    assert not np.array_equal(drawn[0], drawn[1])


def test_features_are_those_of_an_atom_whatever_the_batch():
    some, own = structures(), model(dtype=torch.float32)
    for kind, width in (("last-layer", 8), ("gradient", 32), ("forces", 8 + 36)):
        found = collected(own, kind, iter(some), len(some), dimension=32)
        again = collected(own, kind, iter(some[::-1]), len(some), dimension=32)[::-1]
        assert found.shape == (4, width) and found.dtype == np.float32
        np.testing.assert_allclose(found, again, atol=1e-5)
        np.testing.assert_array_equal(found, collected(own, kind, iter(some), len(some), dimension=32))
    seen = list(LastLayer(own).of(graphs_of(own, some)))
    expected = [one.phi / len(atoms) for one, atoms in zip(seen, some, strict=True)]
    np.testing.assert_allclose(collected(own, "last-layer", iter(some), 4), expected, rtol=1e-6)


def test_an_unknown_element_is_named():
    foreign = Atoms("HCl", [[0, 0, 0], [0, 0, 1.3]], info={"id": "hcl"})
    with pytest.raises(InputError, match="structure hcl holds Cl, which the model does not know: it knows H, C, O"):
        collected(model(), "last-layer", iter([foreign]), 1)
