"""A MACE model of features of any order: its edges as in ``LeanModel``, its atoms by mace-torch's own modules."""

from dataclasses import dataclass

import torch

from mftl.lean.convolution import Edges
from mftl.lean.model import LeanModel, is_residual
from mftl.mace_imports import o3


@dataclass
class Path:
    """One way to couple features of order l₁ with harmonics to messages of order l₃."""

    block: int  # which of the features
    rows: int  # 2 l₁ + 1
    columns: int  # 2 l₃ + 1
    couplings: torch.Tensor  # (L, rows columns)


class EquivariantModel(LeanModel):
    """As ``LeanModel`` for features that are not scalars alone, with fewer lean parts.

    Only for models that ``mftl.lean.find_forward`` lets pass.
    """

    def _prepare(self, like: torch.Tensor) -> None:
        self.paths = [_paths(block.conv_tp, (self.max_ell + 1) ** 2, like) for block in self.model.interactions]

    def _gain(self, block: torch.nn.Module) -> float:
        return 1 / float(block.avg_num_neighbors)

    def _atoms(self, batch: dict, edges: Edges, radial: list[torch.Tensor], harmonics: torch.Tensor, training: bool):
        """Energies of atoms before scale and shift, (N,)."""
        model, elements = self.model, batch["node_attrs"]
        features, energies = model.node_embedding(elements), 0.0  # (N, D), D all components of all channels
        for t, (block, product, readout) in enumerate(
            zip(model.interactions, model.products, model.readouts, strict=True)
        ):
            messages = self._messages(t, block.linear_up(features), radial[t], harmonics, edges)
            mixed, kept = block.linear(messages), None
            if is_residual(block):
                kept = block.skip_tp(features, elements)
            else:
                mixed = block.skip_tp(mixed, elements)
            products = self._products(t, product, block.reshape(mixed), elements, training)
            features = product.linear(products) if kept is None else product.linear(products) + kept
            energies = energies + readout(features, None).squeeze(-1)
        return energies

    def _products(
        self, layer: int, product: torch.nn.Module, mixed: torch.Tensor, elements: torch.Tensor, training: bool
    ) -> torch.Tensor:
        """Products (N, D) of up to three features (N, C, L): scalars by lean layers, others by MACE's."""
        _, *others = product.symmetric_contractions.contractions
        scalars = self.contractions[layer](mixed.permute(2, 0, 1).contiguous(), elements, training)
        return torch.cat([scalars, *(own(mixed, elements) for own in others)], 1)

    def _messages(
        self, layer: int, features: torch.Tensor, radial: torch.Tensor, harmonics: torch.Tensor, edges: Edges
    ) -> torch.Tensor:
        """Sums over the neighbours (N, D') of features (N, D) times radial functions (E, P C), coupled to harmonics.

        For each atom and path they are a product of two small matrices: neighbours' weighted features, and harmonics
        (N, M, L) in couplings.
        """
        senders = edges.senders.index_select(0, edges.slots)  # of rows without neighbour any: their harmonics are zero
        sent, start = [], 0
        for channels, ir in self.model.interactions[layer].conv_tp.irreps_in1:
            own = features[:, start : start + channels * ir.dim].view(-1, channels, ir.dim).transpose(1, 2)
            sent.append(own.flatten(1).index_select(0, senders).view(-1, ir.dim, channels))  # (N M, 2 l₁ + 1, C)
            start += channels * ir.dim
        weights, parts = radial.index_select(0, edges.slots).split(channels, dim=1), []
        for path, weight in zip(self.paths[layer], weights, strict=True):
            products = (weight.unsqueeze(1) * sent[path.block]).view(edges.atoms, -1, channels)  # (N, M (2 l₁ + 1), C)
            coupled = (harmonics @ path.couplings).view(edges.atoms, -1, path.columns)  # (N, M (2 l₁ + 1), 2 l₃ + 1)
            parts.append(torch.bmm(products.transpose(1, 2), coupled).flatten(1))
        return torch.cat(parts, 1)


def _paths(product: torch.nn.Module, harmonics: int, like: torch.Tensor) -> list[Path]:
    """The paths of an e3nn tensor product, in the order of its weights, with its factors."""
    paths = []
    for one in product.instructions:
        first, second = product.irreps_in1[one.i_in1].ir, product.irreps_in2[one.i_in2].ir
        third = product.irreps_out[one.i_out].ir
        couplings = o3.wigner_3j(first.l, second.l, third.l, dtype=torch.float64).transpose(0, 1) * one.path_weight
        placed = torch.zeros(harmonics, first.dim * third.dim, dtype=torch.float64)
        placed[second.l**2 : (second.l + 1) ** 2] = couplings.flatten(1)
        paths.append(Path(one.i_in1, first.dim, third.dim, placed.to(like)))
    return paths
