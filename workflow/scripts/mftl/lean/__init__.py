"""Training, predicting and simulating without MACE's own modules, where a model allows it: same weights, same numbers."""

import logging
from collections.abc import Callable, Iterator

import torch

from mftl.lean.model import LeanModel
from mftl.mace_imports import o3

log = logging.getLogger(__name__)
BLOCKS = ("RealAgnosticInteractionBlock", "RealAgnosticResidualInteractionBlock")


def find_forward(model: torch.nn.Module) -> Callable[..., dict[str, torch.Tensor]]:
    """What computes energies and forces of a model: the model itself, or a ``LeanModel`` of it where that gives the same.

    Both take a batch of ``mftl.graphs.collate`` and ``training`` and ``compute_force``. Which it is, and why, is logged.
    """
    reason = next(objections(model), None)
    if reason is None:
        try:
            lean = LeanModel(model)
        except ValueError as error:
            reason = str(error)
    if reason is not None:
        log.info("the model is computed by mace-torch's modules: %s", reason)
        return model
    log.info("the model is computed by lean layers: its features are scalars")
    return lean


def objections(model: torch.nn.Module) -> Iterator[str]:
    """Why lean layers would not do for a model; nothing if they would."""
    try:
        yield from _objections(model)
    except AttributeError as error:  # of another version, or with other parts in the place of some
        yield f"unknown modules ({error})"


def _objections(model: torch.nn.Module) -> Iterator[str]:
    if type(model).__name__ != "ScaleShiftMACE":
        yield f"it is a {type(model).__name__}"
    if len(getattr(model, "heads", None) or [None]) > 1:
        yield "it has several heads"
    for part in ("pair_repulsion_fn", "joint_embedding", "embedding_readout"):
        if hasattr(model, part):
            yield f"it has a {part}"
    radial = model.radial_embedding
    if type(radial.bessel_fn).__name__ != "BesselBasis" or isinstance(radial.bessel_fn.bessel_weights, torch.nn.Parameter):
        yield "its radial basis is no plain Bessel basis"
    if hasattr(radial, "distance_transform") or not getattr(radial, "apply_cutoff", True):
        yield "its distances are transformed or its cutoff is applied elsewhere"
    if not (len(model.interactions) == len(model.products) == len(model.readouts)):
        yield "not every layer has a readout"
    for block in model.interactions:
        scalars, orders = block.node_feats_irreps, block.edge_attrs_irreps
        if type(block).__name__ not in BLOCKS:
            yield f"it has a {type(block).__name__}"
        if len(scalars) != 1 or scalars[0].ir != o3.Irrep("0e") or block.hidden_irreps != scalars:
            yield "its features are not scalars alone"
        if orders != o3.Irreps.spherical_harmonics(orders.lmax) or block.target_irreps != (orders * scalars.dim).sort()[0].simplify():
            yield "its harmonics or messages are of other orders"
        if getattr(block, "edge_irreps", scalars) != scalars or hasattr(block, "conv_fusion"):
            yield "its messages are made in another way"
        for name in ("linear_up", "linear", "skip_tp"):
            if type(getattr(block, name)).__module__.split(".")[0] != "e3nn":
                yield f"{name} is not e3nn's"
        *hidden, last = block.conv_tp_weights
        if any(layer.act.f is not torch.nn.functional.silu for layer in hidden) or last.act is not None:
            yield "its radial network has another activation"
    for block, product in zip(model.interactions, model.products, strict=True):
        if getattr(product, "use_agnostic_product", False) or not hasattr(product.symmetric_contractions, "contractions"):
            yield "its products are made in another way"
        if product.use_sc != (type(block).__name__ == BLOCKS[1]):
            yield "its skip connections are elsewhere"
    for readout in model.readouts:
        if type(readout).__name__ not in ("LinearReadoutBlock", "NonLinearReadoutBlock"):
            yield f"it has a {type(readout).__name__}"
        elif hasattr(readout, "non_linearity") and readout.non_linearity.acts[0].f is not torch.nn.functional.silu:
            yield "a readout has another activation"
