"""Lean layers: the numbers of MACE's own modules, for all models that they take, and no others."""

import copy
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from mftl import models
from mftl.config.training import Architecture
from mftl.graphs import collate, make_graph
from mftl.lean import find_forward, objections, objections_to_scalars
from mftl.lean.equivariant import EquivariantModel
from mftl.lean.model import LeanModel
from mftl.mace_imports import ScaleShiftMACE

ELEMENTS = ["H", "C", "O", "Si"]
CPU = torch.device("cpu")


def build(seed: int = 1, **architecture) -> torch.nn.Module:
    """A model in float64 with references, scale and shift of its own."""
    given = Architecture(**{"channels": 6, "radial_mlp": [8, 5], "cutoff": 3.0, "readout_channels": 3} | architecture)
    model = models.build_model(given, ELEMENTS, 7.0, 1.7, seed, torch.float64)
    models.set_reference_energies(model, np.arange(4.0) - 2)
    model.scale_shift.shift.fill_(0.3)
    return model


def structures(seed: int) -> list[Atoms]:
    """Molecules, a lone atom, a crystal and a surface, distorted."""
    random = np.random.default_rng(seed)
    slab = bulk("Si", "diamond", 5.43, cubic=True)
    slab.pbc = True, True, False
    skewed = bulk("Si", "diamond", 5.43)
    skewed.symbols[0] = "C"
    some = [molecule("CH3CH2OH"), Atoms("O"), skewed, slab, molecule("H2O")]
    for atoms in some:
        atoms.positions += random.normal(scale=0.1, size=atoms.positions.shape)
    return some


def batch_of(some: list[Atoms], seed: int = 0, cutoff: float = 3.0) -> dict:
    """A batch with random labels."""
    random = np.random.default_rng(seed)
    numbers = models.numbers(ELEMENTS)
    graphs = [
        make_graph(a, numbers, cutoff, torch.float64, random.normal(), random.normal(size=(len(a), 3))) for a in some
    ]
    return collate(graphs, CPU)


def plain(batch: dict) -> dict:
    """What MACE's own code makes of a batch: nothing but its keys, edges in any order."""
    order = torch.randperm(batch["edge_index"].shape[1], generator=torch.Generator().manual_seed(3))
    keys = ("positions", "node_attrs", "cell", "batch", "ptr", "energy", "forces")
    edges, shifts = batch["edge_index"][:, order], batch["shifts"][order]
    cells = batch["cell"].view(-1, 3, 3)[batch["batch"][edges[0]]]
    units = torch.linalg.solve(cells.mT, shifts)  # in cell vectors
    return {key: batch[key].clone() for key in keys} | {"edge_index": edges, "shifts": shifts, "unit_shifts": units}


def gradients(forward, model: torch.nn.Module, batch: dict, use_forces: bool = True) -> tuple[dict, list]:
    """What a forward pass gives, and the gradients of a loss of energies and forces by all weights."""
    model.zero_grad(set_to_none=True)
    result = forward(batch, training=True, compute_force=use_forces)
    loss = ((result["interaction_energy"] - batch["energy"]) ** 2).mean()
    if use_forces:
        loss = loss + ((result["forces"] - batch["forces"]) ** 2).mean()
    loss.backward()
    return result, [None if one.grad is None else one.grad.clone() for one in model.parameters()]


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal to ten digits of the largest number."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-10 * expected.abs().max()


CASES = [
    {},
    {"correlation": 1, "max_ell": 1, "num_interactions": 1, "radial_mlp": [7]},
    {"correlation": 2, "max_ell": 3, "first_interaction": "RealAgnosticInteractionBlock"},
    {"correlation": 3, "max_ell": 2, "num_interactions": 3, "radial_mlp": [4, 5, 6], "num_polynomial_cutoff": 6},
    {"correlation": 3, "max_ell": 3, "first_interaction": "RealAgnosticInteractionBlock", "num_bessel": 5},
    {"correlation": 2, "max_ell": 5, "channels": 2, "num_interactions": 1},
    {"correlation": 3, "max_ell": 3, "channels": 50, "cutoff": 2.5},  # orders one by one
    {"max_l": 1},
    {"max_l": 1, "correlation": 3, "max_ell": 3, "first_interaction": "RealAgnosticInteractionBlock"},
    {"max_l": 2, "correlation": 3, "max_ell": 2, "num_interactions": 3, "channels": 3, "radial_mlp": [4, 5]},
]


@pytest.mark.parametrize("seed, architecture", enumerate(CASES))
def test_energies_forces_stress_and_gradients_are_mace_s_own(seed, architecture):
    model = build(seed, **architecture)
    forward, how = find_forward(model)
    assert type(forward) is (EquivariantModel if "max_l" in architecture else LeanModel) and "lean" in how
    batch = batch_of(structures(seed), seed, float(model.r_max))
    expected, own = gradients(model, model, plain(batch))
    found, ours = gradients(forward, model, batch)
    for key in ("interaction_energy", "energy", "forces"):
        assert_close(found[key], expected[key])
    for one, other in zip(ours, own, strict=True):
        assert_close(one, other)
    crystals = batch_of([a for a in structures(seed) if a.pbc.any()], seed, float(model.r_max))
    expected = model(plain(crystals), compute_stress=True)
    found = forward(plain(crystals), compute_stress=True)  # a plain batch will do
    for key in ("interaction_energy", "forces", "stress"):
        assert_close(found[key], expected[key])


def test_energies_alone():
    model = build()
    forward, batch = LeanModel(model), batch_of(structures(0))
    expected, own = gradients(model, model, plain(batch), use_forces=False)
    found, ours = gradients(forward, model, batch, use_forces=False)
    assert_close(found["interaction_energy"], expected["interaction_energy"])
    assert "forces" not in found
    for one, other in zip(ours, own, strict=True):
        assert_close(one, other)
    assert not forward(batch, compute_force=False)["interaction_energy"].requires_grad


@pytest.mark.parametrize(
    "frozen", [["node_embedding"], ["interactions"], ["node_embedding", "interactions"], ["products"]]
)
def test_frozen_weights(frozen):
    model = build(correlation=3)
    for name, weights in model.named_parameters():
        weights.requires_grad_(name.split(".")[0] not in frozen)
    batch = batch_of(structures(1))
    _, own = gradients(model, model, plain(batch))
    _, ours = gradients(LeanModel(model), model, batch)
    for one, other in zip(ours, own, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other)


@pytest.mark.parametrize("max_l", [0, 1])
def test_forces_are_minus_the_slope_of_the_energy(max_l):
    forward, (atoms, *_) = find_forward(build(correlation=3, max_ell=3, max_l=max_l))[0], structures(2)
    forces = forward(batch_of([atoms]))["forces"].numpy()
    energies = []
    for step in (-1e-4, 1e-4):
        moved = atoms.copy()
        moved.positions[3, 1] += step
        energies.append(forward(batch_of([moved]), compute_force=False)["interaction_energy"].item())
    assert forces[3, 1] == pytest.approx((energies[0] - energies[1]) / 2e-4, rel=1e-6)


@pytest.mark.parametrize("max_l", [0, 1])
def test_no_edges_and_one_atom(max_l):
    forward, _ = find_forward(build(max_l=max_l))
    lone = batch_of([Atoms("O"), Atoms("HH", [[0, 0, 0], [0, 0, 9]])])
    result, _ = gradients(forward, forward.model, lone)
    assert (result["forces"] == 0).all() and torch.isfinite(result["interaction_energy"]).all()


def test_the_weights_are_the_model_s():
    """No copies: what is trained, averaged or loaded there counts here, and the model is saved as it was."""
    model = build()
    forward, batch = LeanModel(model), batch_of(structures(3))
    other = build(seed=9)
    model.load_state_dict(other.state_dict())
    model.scale_shift.scale.fill_(2.5)
    assert_close(forward(batch)["energy"], model(plain(batch))["energy"])
    assert type(pickle.loads(pickle.dumps(model))) is ScaleShiftMACE


def test_float32():
    model = build(correlation=3, max_ell=3).float()
    batch = {
        k: v.float() if getattr(v, "dtype", None) == torch.float64 else v for k, v in batch_of(structures(4)).items()
    }
    found, expected = LeanModel(model)(batch), model(plain(batch))
    assert found["forces"].dtype == torch.float32
    assert (found["forces"] - expected["forces"]).abs().max() < 1e-5 * expected["forces"].abs().max()


def test_other_models_keep_mace_s_modules():
    def reason(change=None, **architecture) -> str:
        model = build(**architecture)
        if change:
            model = change(model) or model
        forward, how = find_forward(model)
        assert forward is model
        return how

    def transformed(model):
        model.radial_embedding.distance_transform = torch.nn.Identity()

    def trained_basis(model):
        basis = model.radial_embedding.bessel_fn
        basis.bessel_weights = torch.nn.Parameter(basis.__dict__["_buffers"].pop("bessel_weights"))

    def two_heads(model):
        model.heads = ["a", "b"]

    def repelled(model):
        model.pair_repulsion_fn = torch.nn.Identity()

    def activated(model):
        model.interactions[1].conv_tp_weights[0].act.f = torch.tanh

    def without_last(model):
        model.readouts = model.readouts[1:]

    assert "correlation 4" in reason(correlation=4, max_ell=1, channels=2)
    assert "transformed" in reason(transformed)
    assert "trained" in reason(trained_basis)
    assert "heads" in reason(two_heads)
    assert "pair_repulsion" in reason(repelled)
    assert "activation" in reason(activated)
    assert "readout" in reason(without_last)


def test_wrong_couplings_are_noticed():
    model = build(correlation=3)
    own = model.products[0].symmetric_contractions.contractions[0]
    own.U_matrix_3[1, 0, 0] += 0.5  # no scalar
    forward, how = find_forward(model)
    assert forward is model and "polynomial" in how


def test_models_of_scalars_with_other_scales_or_activations_have_lean_edges_alone():
    model = build()
    assert not list(objections(model)) and not list(objections_to_scalars(model))

    def scaled(linear):
        linear.instructions = [path._replace(path_weight=path.path_weight * 2) for path in linear.instructions]

    def activated(model):
        model.readouts[1].non_linearity.acts[0].f = torch.tanh

    for change in (
        lambda m: scaled(m.interactions[0].linear), lambda m: scaled(m.products[1].linear),
        lambda m: scaled(m.readouts[1].linear_2), activated,
    ):  # fmt: skip
        other = copy.deepcopy(model)
        change(other)
        forward, how = find_forward(other)
        assert type(forward) is EquivariantModel and list(objections_to_scalars(other)) and "since" in how
        batch = batch_of(structures(5))
        assert_close(forward(batch)["forces"], other(plain(batch))["forces"])
