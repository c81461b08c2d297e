"""Messages of scalar features along edges that are sorted by receiver, with first and second derivatives written out.

For each atom they are a product of two small matrices, of its neighbours' weighted features and of their harmonics.
Both are put into M rows for each atom, M the most neighbours of any; harmonics of rows without neighbour are zero.
"""

from dataclasses import dataclass

import torch

SMALL = 48  # channels up to which one product of all orders is faster than one for each


@dataclass
class Edges:
    """Where the edges of a batch are: E edges, N atoms with at most M neighbours."""

    senders: torch.Tensor  # (E,)
    rows: torch.Tensor  # (E,) of N M, each edge's
    slots: torch.Tensor  # (N M,) of E, each row's edge, any where there is none
    atoms: int  # N

    @property
    def most(self) -> int:
        """M."""
        return len(self.slots) // max(self.atoms, 1)


def place(values: torch.Tensor, edges: Edges) -> torch.Tensor:
    """Values (E, D) as (N, M, D); rows without neighbour hold those of another edge."""
    return values.index_select(0, edges.slots).view(edges.atoms, edges.most, values.shape[1])


def take(values: torch.Tensor, edges: Edges) -> torch.Tensor:
    """Values (N, M, D) of the rows with neighbour, (E, D)."""
    return values.flatten(0, 1).index_select(0, edges.rows)


def sum_up(harmonics: torch.Tensor, features: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Messages (N, L, C) from harmonics (N, M, L) and features (N, M, K C).

    ``own`` (L, K, 1) is 1 where a harmonic is of an order: a product of all with all has more than is wanted.
    """
    (harmonic, orders, _), atoms = own.shape, len(features)
    channels = features.shape[2] // orders
    if channels <= SMALL:
        products = torch.bmm(harmonics.transpose(1, 2), features).view(atoms, harmonic, orders, channels)
        return (products * own).sum(2)
    result = features.new_empty(atoms, harmonic, channels)
    for l in range(orders):
        which, columns = slice(l * l, (l + 1) ** 2), slice(l * channels, (l + 1) * channels)
        result[:, which] = torch.bmm(harmonics[:, :, which].transpose(1, 2), features[:, :, columns])
    return result


def by_features(harmonics: torch.Tensor, grads: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """(N, M, K C): the gradient by the features from that by the messages, (N, L, C)."""
    (harmonic, orders, _), (atoms, _, channels) = own.shape, grads.shape
    if channels <= SMALL:
        return torch.bmm(harmonics, (grads.unsqueeze(2) * own).view(atoms, harmonic, -1))
    result = grads.new_empty(atoms, harmonics.shape[1], orders * channels)
    for l in range(orders):
        which, columns = slice(l * l, (l + 1) ** 2), slice(l * channels, (l + 1) * channels)
        result[:, :, columns] = torch.bmm(harmonics[:, :, which], grads[:, which])
    return result


def by_harmonics(features: torch.Tensor, grads: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """(N, M, L): the gradient by the harmonics from that by the messages, (N, L, C)."""
    (harmonic, orders, _), (atoms, _, channels) = own.shape, grads.shape
    if channels <= SMALL:
        return torch.bmm(features, (grads.unsqueeze(2) * own).view(atoms, harmonic, -1).transpose(1, 2))
    parts = []
    for l in range(orders):
        which, columns = slice(l * l, (l + 1) ** 2), slice(l * channels, (l + 1) * channels)
        parts.append(torch.bmm(features[:, :, columns], grads[:, which].transpose(1, 2)))
    return torch.cat(parts, 2)


class Convolution(torch.autograd.Function):
    """``apply(features, weights, harmonics, own, edges, training, first)``: messages (N, L, C).

    From features (N, C) of the senders, weights (E, K C) and harmonics (N, M, L). With ``training`` a first backward
    pass, with ``create_graph``, asks for what positions change, weights and harmonics, and for features unless they
    are the ``first``; a second one for what parameters change, features and weights.
    """

    @staticmethod
    def forward(ctx, features, weights, harmonics, own, edges, training, first):
        """Messages."""
        sent = features.index_select(0, edges.senders)
        products = _times(weights, sent)
        ctx.edges, ctx.training, ctx.first = edges, training, first
        ctx.save_for_backward(features, weights, harmonics, own)
        return sum_up(harmonics, place(products, edges), own)

    @staticmethod
    def backward(ctx, grads):
        """Gradients by features, weights and harmonics, those that are wanted."""
        features, weights, harmonics, own = ctx.saved_tensors
        for_positions = torch.is_grad_enabled() or not ctx.training
        wanted = (not (for_positions and ctx.first), ctx.needs_input_grad[2] and for_positions)
        found = ConvolutionGradient.apply(grads, features, weights, harmonics, own, ctx.edges, *wanted)
        return *found, None, None, None, None


class ConvolutionGradient(torch.autograd.Function):
    """The gradients of ``Convolution``, themselves differentiable by all but the harmonics."""

    @staticmethod
    def forward(ctx, grads, features, weights, harmonics, own, edges, want_features, want_harmonics):
        """Gradients by features, weights and harmonics."""
        ctx.set_materialize_grads(False)
        sent = features.index_select(0, edges.senders)
        pulled = take(by_features(harmonics, grads, own), edges)  # (E, K C)
        for_features = for_harmonics = None
        if want_features:
            for_features = _collected(pulled * weights, features, edges)
        if want_harmonics:
            for_harmonics = by_harmonics(place(_times(weights, sent), edges), grads, own)
        ctx.edges = edges
        ctx.save_for_backward(grads, features, weights, harmonics, own, pulled)
        return for_features, _times(pulled, sent), for_harmonics

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, second_features, second_weights, second_harmonics):
        """Gradients by the messages\' gradients, features and weights."""
        grads, features, weights, harmonics, own, pulled = ctx.saved_tensors
        edges = ctx.edges
        sent = features.index_select(0, edges.senders)
        changed = _times(second_weights, sent)  # of the products with weights and features
        for_weights = 0
        by_sent = pulled * second_weights
        if second_features is not None:
            second_sent = second_features.index_select(0, edges.senders)
            changed += _times(weights, second_sent)
            for_weights = _times(pulled, second_sent)
        turned = take(by_features(second_harmonics, grads, own), edges)
        for_grads = sum_up(
            torch.cat([harmonics, second_harmonics], 1),
            torch.cat([place(changed, edges), place(_times(weights, sent), edges)], 1),
            own,
        )
        for_weights = _times(turned, sent) + for_weights
        for_features = _collected(by_sent.addcmul_(turned, weights), features, edges)
        return for_grads, for_features, for_weights, None, None, None, None, None


def _times(weights: torch.Tensor, sent: torch.Tensor) -> torch.Tensor:
    """Weights (E, K C) times the features that are sent along the edges (E, C)."""
    edges, channels = sent.shape
    return (weights.view(edges, weights.shape[1] // channels, channels) * sent.unsqueeze(1)).view(weights.shape)


def _collected(values: torch.Tensor, features: torch.Tensor, edges: Edges) -> torch.Tensor:
    """Sums over orders and edges at the senders, (N, C), of values (E, K C)."""
    channels = features.shape[1]
    summed = values.view(len(values), values.shape[1] // channels, channels).sum(1)
    return torch.zeros_like(features).index_add_(0, edges.senders, summed)
