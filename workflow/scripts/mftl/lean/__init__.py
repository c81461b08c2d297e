"""Energies and forces without MACE's own modules, where a model allows it: same weights, same numbers."""

import math
from collections.abc import Callable, Iterator

import torch

from mftl.lean.equivariant import EquivariantModel
from mftl.lean.model import LeanModel, is_residual
from mftl.mace_imports import o3
from mftl.strain import with_stress

BLOCKS = ("RealAgnosticInteractionBlock", "RealAgnosticResidualInteractionBlock")
READOUTS = ("LinearReadoutBlock", "NonLinearReadoutBlock")


def find_forward(model: torch.nn.Module, stress: bool = False) -> tuple[Callable[..., dict[str, torch.Tensor]], str]:
    """What computes energies and forces of a model, and why.

    It is a ``LeanModel`` or an ``EquivariantModel`` where that gives the same, else the model itself. All take a batch
    of ``mftl.graphs.collate``, ``training`` and ``compute_force``; with ``stress`` ``compute_stress`` too.
    """
    reason = next(objections(model), None)
    try:
        if reason is None and (other := next(objections_to_scalars(model), None)) is None:
            return LeanModel(model), "lean layers, since its features are scalars"
        if reason is None:
            return EquivariantModel(model), f"lean edges and products to scalars, since {other}"
    except ValueError as error:
        reason = str(error)
    return with_stress(model) if stress else model, f"mace-torch's modules: {reason}"


def objections(model: torch.nn.Module) -> Iterator[str]:
    """Why lean edges would not do for a model; nothing if they would."""
    return _known(_objections(model))


def objections_to_scalars(model: torch.nn.Module) -> Iterator[str]:
    """Why a model to which there are no other objections needs more than lean layers for scalars; nothing if not."""
    return _known(_objections_to_scalars(model))


def _known(reasons: Iterator[str]) -> Iterator[str]:
    try:
        yield from reasons
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
    if type(radial.bessel_fn).__name__ != "BesselBasis" or type(radial.cutoff_fn).__name__ != "PolynomialCutoff":
        yield "its radial basis is not of Bessel functions with a polynomial cutoff"
    elif any(True for _ in radial.parameters()):
        yield "its radial basis is trained"
    if hasattr(radial, "distance_transform") or not getattr(radial, "apply_cutoff", True):
        yield "its distances are transformed, or its cutoff is applied elsewhere"
    if not (len(model.interactions) == len(model.products) == len(model.readouts)):
        yield "not every layer has a readout"
    for block, product, readout in zip(model.interactions, model.products, model.readouts, strict=False):
        yield from _objections_to_layer(block, product)
        if type(readout).__name__ not in READOUTS:
            yield f"it has a {type(readout).__name__}"


def _objections_to_layer(block: torch.nn.Module, product: torch.nn.Module) -> Iterator[str]:
    if type(block).__name__ not in BLOCKS:
        yield f"it has a {type(block).__name__}"
    harmonics = block.edge_attrs_irreps
    if harmonics != o3.Irreps.spherical_harmonics(harmonics.lmax):
        yield "its harmonics are not all up to one order"
    paths, channels = block.conv_tp.instructions, {channels for channels, _ in block.conv_tp.irreps_in1}
    if hasattr(block, "conv_fusion") or len(channels) != 1 or [one.i_out for one in paths] != list(range(len(paths))):
        yield "its messages are made in another way"
    if any(one.connection_mode != "uvu" or not one.has_weight for one in paths):
        yield "its messages are made in another way"
    *hidden, last = block.conv_tp_weights
    if any(layer.act.f is not torch.nn.functional.silu for layer in hidden) or last.act is not None:
        yield "its radial network has another activation"
    if any((layer.var_in, layer.var_out) != (1, 1) for layer in block.conv_tp_weights):
        yield "its radial network is scaled in another way"
    messages = next(iter(o3.Irreps(block.target_irreps)), None)
    if getattr(product, "use_agnostic_product", False) or messages is None or messages.mul not in channels:
        yield "its products are made in another way"
    if o3.Irreps(product.linear.irreps_in)[0].ir != o3.Irrep("0e"):
        yield "its products make no scalars"
    if product.use_sc != is_residual(block):
        yield "its skip connections are elsewhere"


def _objections_to_scalars(model: torch.nn.Module) -> Iterator[str]:
    scalars, elements = model.interactions[0].node_feats_irreps, len(model.atomic_numbers)
    if len(scalars) != 1 or scalars[0].ir != o3.Irrep("0e"):
        yield "its features are not scalars alone"
    mix = scalars.dim**-0.5
    linears = [(model.node_embedding.linear, elements**-0.5)]
    for block, product, readout in zip(model.interactions, model.products, model.readouts, strict=True):
        yield from _objections_to_scalar_layer(block, product, scalars)
        linears += [(own, mix) for own in (block.linear_up, block.linear, product.linear)]
        if hasattr(readout, "linear"):
            linears.append((readout.linear, mix))
        else:
            linears += [(readout.linear_1, mix), (readout.linear_2, readout.hidden_irreps.dim**-0.5)]
            if readout.non_linearity.acts[0].f is not torch.nn.functional.silu:
                yield "a readout has another activation"
        for path in block.skip_tp.instructions:
            order = block.skip_tp.irreps_in1[path.i_in1].ir.dim
            if not math.isclose(path.path_weight / order**0.5, mix * elements**-0.5, rel_tol=1e-6):
                yield "its skip connections are scaled in another way"
    for linear, factor in linears:
        if any(not math.isclose(path.path_weight, factor, rel_tol=1e-6) for path in linear.instructions):
            yield "its linear layers are scaled in another way"


def _objections_to_scalar_layer(block: torch.nn.Module, product: torch.nn.Module, scalars: o3.Irreps) -> Iterator[str]:
    harmonics = block.edge_attrs_irreps
    if block.node_feats_irreps != scalars or o3.Irreps(block.hidden_irreps) != scalars:
        yield "its features are not scalars alone"
    if block.target_irreps != (harmonics * scalars.dim).sort()[0].simplify():
        yield "its messages are of other orders than its harmonics"
    if getattr(block, "edge_irreps", scalars) != scalars:
        yield "its messages are made in another way"
    paths = [(one.i_in1, one.i_in2, one.i_out) for one in block.conv_tp.instructions]
    if paths != [(0, l, l) for l in range(len(harmonics))]:
        yield "its messages are made in another way"
    if any(
        not math.isclose(one.path_weight, ir.dim**0.5, rel_tol=1e-6)
        for one, (_, ir) in zip(block.conv_tp.instructions, harmonics, strict=False)
    ):
        yield "its messages are scaled in another way"
    if len(product.symmetric_contractions.contractions) != 1:
        yield "its products are made in another way"
