"""Low-rank adaptation: linear layers of a model whose weights stay, plus products of two small matrices that learn.

Each matrix W of a layer becomes W + (α/r) A B, with A (inputs, r) and B (r, outputs); Hu et al., ICLR 2022
(arXiv:2106.09685). A layer of irreps has such matrices between channels of the same irrep alone, and so has A B: the
model stays equivariant. A is small and random, B zero: the start is exactly the model. Adapted are e3nn's
linear layers, radial networks and plain linear layers; tensor products, such as skip connections by element, and the
weights of symmetric contractions stay as they are.

An adapted layer computes its ``weight`` whenever it is asked for it, so that whoever reads it, ``mftl.lean`` or
mace-torch's own modules, needs to know nothing of this.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from mftl.mace_imports import RadialLayer, o3

SPREAD = 1e-3  # standard deviation of A at the start, as in mace-torch


@dataclass(frozen=True)
class Block:
    """A part of a layer's weights, (rows, columns): where it is in the product of a pair of matrices."""

    pair: int
    rows: slice
    columns: slice


class Update(torch.nn.Module):
    """The weight of an adapted layer: what it was, and the matrices A and B of each irrep."""

    def __init__(self, layer: torch.nn.Module, rank: int, alpha: float):
        super().__init__()
        original = layer.weight.detach().clone()
        self.blocks, sizes = _blocks(layer)
        self.transposed, self.factor = isinstance(layer, torch.nn.Linear), alpha / rank
        self.register_buffer("original", original)
        # drawn on the CPU: the same on every device
        self.left = torch.nn.ParameterList(
            (SPREAD * torch.randn(rows, rank, dtype=torch.float64)).to(original) for rows, _ in sizes
        )
        self.right = torch.nn.ParameterList(original.new_zeros(rank, columns) for _, columns in sizes)

    def forward(self) -> torch.Tensor:
        """The weight now, in the layer's own shape."""
        products = [left @ right for left, right in zip(self.left, self.right, strict=True)]
        if self.transposed:
            return torch.add(self.original, products[0].T, alpha=self.factor)
        parts = [products[one.pair][one.rows, one.columns].reshape(-1) for one in self.blocks]
        change = parts[0] if len(parts) == 1 else torch.cat(parts)
        return torch.add(self.original, change.view(self.original.shape), alpha=self.factor)


class Adapted:
    """What makes a class of layers one of adapted layers, see ``_adapted``."""

    low_rank: Update

    @property
    def weight(self) -> torch.Tensor:
        """The layer's weight, to be differentiated by the matrices that learn."""
        return self.low_rank()


def adapt(model: torch.nn.Module, rank: int, alpha: float) -> int:
    """Adapt all linear layers of a model; returns how many weights learn. The matrices are drawn by torch's seed.

    Raises ValueError if it has been done before.
    """
    if any(adapted_layers(model)):
        raise ValueError("the model is adapted already")
    for layer in list(model.modules()):
        if isinstance(layer, (o3.Linear, RadialLayer, torch.nn.Linear)) and layer.weight.numel():
            update = Update(layer, rank, alpha)
            del layer.weight
            kind: Any = type(layer)
            layer.__class__ = _adapted(kind)
            layer.low_rank = update
    return sum(one.numel() for one in factors(model))


def adapted_layers(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Layers of a model, or of several, that are adapted."""
    return (layer for layer in model.modules() if isinstance(layer, Adapted))


def factors(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The weights of adapted layers that learn; none if there is no such layer."""
    return [one for layer in adapted_layers(model) for one in layer.low_rank.parameters()]


def merged(model: torch.nn.Module) -> torch.nn.Module:
    """The model as a plain one, a copy with the weights of adapted layers as they are now; itself if it has none."""
    if not any(adapted_layers(model)):
        return model
    new = copy.deepcopy(model)
    for layer in list(adapted_layers(new)):
        weight = layer.weight.detach().clone()
        del layer.low_rank
        layer.__class__ = type(layer).__bases__[1]
        layer.weight = torch.nn.Parameter(weight)
    return new


@cache
def _adapted(kind: type[torch.nn.Module]) -> type:
    """The class of adapted layers of a kind."""
    return type(f"LowRank{kind.__name__}", (Adapted, kind), {})


def _blocks(layer: torch.nn.Module) -> tuple[list[Block], list[tuple[int, int]]]:
    """The blocks of a layer's weights in their order, and of each pair of matrices the numbers of rows and columns."""
    if not isinstance(layer, o3.Linear):
        rows, columns = layer.weight.shape[::-1] if isinstance(layer, torch.nn.Linear) else layer.weight.shape
        return [Block(0, slice(0, rows), slice(0, columns))], [(rows, columns)]
    paths = [one for one in layer.instructions if one.i_in >= 0 and 0 not in one.path_shape]  # -1: a bias
    irreps = list(dict.fromkeys(layer.irreps_in[one.i_in].ir for one in paths))
    places: list[dict[int, slice]] = [{}, {}]  # of channels of inputs, and of outputs, among those of their irrep
    sizes = [[0, 0] for _ in irreps]
    for one in paths:
        pair = irreps.index(layer.irreps_in[one.i_in].ir)
        for side, index in enumerate((one.i_in, one.i_out)):
            if index not in places[side]:
                start = sizes[pair][side]
                sizes[pair][side] += one.path_shape[side]
                places[side][index] = slice(start, sizes[pair][side])
    blocks = [
        Block(irreps.index(layer.irreps_in[one.i_in].ir), places[0][one.i_in], places[1][one.i_out]) for one in paths
    ]
    return blocks, [(rows, columns) for rows, columns in sizes]
