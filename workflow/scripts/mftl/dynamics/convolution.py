"""A faster convolution for MACE layers whose node features are scalars: the same sums, as matrix products.

MACE's own makes, for each edge and channel, all products with the spherical harmonics, and then adds up those of an
atom. Both at once is a product of two small matrices for each atom, of its neighbours' weighted features and of their
spherical harmonics. It takes the place that mace-torch keeps for fused kernels (``conv_fusion``).
"""

import numpy as np
import torch


class ScalarConvolution(torch.nn.Module):
    """Messages of scalar features along edges that are sorted by receiver."""

    def __init__(self, convolution: torch.nn.Module):
        super().__init__()
        self.channels = convolution.irreps_in1.dim
        self.columns = convolution.irreps_in2.slices()
        paths = zip(convolution.instructions, convolution.irreps_in2, strict=True)
        factors = [np.full(ir.dim * self.channels, one.path_weight / ir.dim**0.5) for one, (_, ir) in paths]
        self.register_buffer("factors", torch.tensor(np.concatenate(factors)))

    def forward(
        self, node_feats: torch.Tensor, edge_attrs: torch.Tensor, tp_weights: torch.Tensor, edge_index: torch.Tensor
    ) -> torch.Tensor:
        """Messages (nodes, Σ channels (2l + 1)) from features (nodes, channels), harmonics, weights and edges."""
        senders, receivers = edge_index
        nodes, edges, channels = len(node_feats), len(senders), self.channels
        counts = torch.bincount(receivers, minlength=nodes)
        most = max(1, int(counts.max())) if nodes else 1
        first = torch.cumsum(counts, 0) - counts
        place = receivers * most + torch.arange(edges, device=receivers.device) - first[receivers]
        features = tp_weights.view(edges, len(self.columns), channels) * node_feats[senders].unsqueeze(1)
        features = _placed(features.view(edges, len(self.columns) * channels), place, nodes, most)
        harmonics = _placed(edge_attrs, place, nodes, most)
        # all weights with all harmonics: one large product is faster than a small one for each order
        products = (features.transpose(1, 2) @ harmonics).view(nodes, len(self.columns), channels, -1)
        own = [products[:, k, :, columns].flatten(1) for k, columns in enumerate(self.columns)]
        return torch.cat(own, 1) * self.factors


def accelerate(model: torch.nn.Module) -> torch.nn.Module:
    """Put the faster convolution into each layer for which it gives what the layer's own gives; return the model."""
    for block in model.interactions:
        own = block.conv_tp
        if hasattr(block, "conv_fusion") or not _is_of_scalars(own):
            continue
        like = next(model.parameters())
        faster = ScalarConvolution(own).to(like)
        if _agree(own, faster, like):
            block.conv_tp, block.conv_fusion = faster, "scalars"
    return model


def _is_of_scalars(convolution: torch.nn.Module) -> bool:
    """Whether it multiplies scalars, channel by channel, with each order of the harmonics once, in turn."""
    try:
        scalars, harmonics = convolution.irreps_in1, convolution.irreps_in2
        paths = [(one.i_in1, one.i_in2, one.i_out, one.connection_mode) for one in convolution.instructions]
        once = paths == [(0, k, k, "uvu") for k in range(len(harmonics))]
        return len(scalars) == 1 and scalars.lmax == 0 and all(mul == 1 for mul, _ in harmonics) and once
    except AttributeError:  # kernels of another library
        return False


def _agree(own: torch.nn.Module, faster: ScalarConvolution, like: torch.Tensor) -> bool:
    random = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random).to(like)

    senders, receivers = torch.tensor([[1, 2, 3, 0, 0, 1], [0, 0, 1, 1, 1, 3]], device=like.device)
    features, harmonics = numbers(4, own.irreps_in1.dim), numbers(6, own.irreps_in2.dim)
    weights = numbers(6, own.weight_numel)
    messages = own(features[senders], harmonics, weights)
    expected = messages.new_zeros(4, messages.shape[1]).index_add(0, receivers, messages)
    found = faster(features, harmonics, weights, torch.stack([senders, receivers]))
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def _placed(values: torch.Tensor, place: torch.Tensor, nodes: int, most: int) -> torch.Tensor:
    """Values (edges, D) as (nodes, most, D), each atom's edges in a row and zeros after them."""
    return values.new_zeros(nodes * most, values.shape[1]).index_copy(0, place, values).view(nodes, most, -1)
