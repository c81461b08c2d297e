"""MACE's symmetric contraction to scalars, in invariants that are each computed once."""

import itertools
from typing import NamedTuple

import torch

from mftl.mace_imports import o3


class Contraction:
    """Products of up to three features of an atom that make scalars, for each channel.

    MACE lists every way to couple harmonics to a scalar (23 of three up to l = 3). Most are the same polynomial: B₀,
    Pₗ = Σₘ Bₗₘ², B₀ Pₗ, and for three orders l above 0 at most one that the Wigner 3j symbol gives. What MACE's
    coupling matrices are in these is found once; each call then needs the fewer weights alone.
    ``own`` is MACE's contraction. Raises ValueError if its coupling matrices are no such polynomials.
    """

    def __init__(self, own: torch.nn.Module, max_ell: int):
        self.correlation = own.correlation
        if not 1 <= self.correlation <= 3:
            raise ValueError(f"correlation {self.correlation}")
        self.parameters = [own.weights_max, *own.weights][::-1]  # of one feature, of two, of three: (Z, paths, C)
        self.orders = [l for l in range(max_ell + 1) for _ in range(2 * l + 1)]
        triples = itertools.combinations_with_replacement(range(1, max_ell + 1), 3) if self.correlation == 3 else []
        self.triples = [one for one in triples if sum(one) % 2 == 0 and one[2] <= one[0] + one[1]]
        like = own.weights_max.detach()
        # from the weights of MACE's paths to those of each invariant here: of one, two and three features
        self.mappings, self.sizes = [], []
        for degree in range(1, self.correlation + 1):
            invariants = self._invariants(degree)
            self.mappings.append(
                _in_invariants(getattr(own, f"U_matrix_{degree}").detach().double().cpu(), invariants).to(like)
            )
            self.sizes.append(len(invariants))
        orders = torch.tensor(self.orders, device=like.device)
        self.by_order = (torch.arange(max_ell + 1, device=like.device)[:, None] == orders).to(like)  # (K, L)
        self.cubics = Cubics.of(self._invariants(3)[max_ell + 1 :], orders, self.by_order) if self.triples else None

    def _invariants(self, degree: int) -> list[torch.Tensor]:
        """The invariants as symmetric tensors of ``degree`` indices of L values each."""
        slices = [slice(l**2, (l + 1) ** 2) for l in range(self.orders[-1] + 1)]
        shape, found = [len(self.orders)] * degree, []
        for own in slices[:1] if degree == 1 else slices:  # B₀, Pₗ, B₀ Pₗ
            one = torch.zeros(shape, dtype=torch.float64)
            for m in range(own.start, own.stop):
                one[((m,), (m, m), (0, m, m))[degree - 1]] = 1
            found.append(one)
        for triple in self.triples if degree == 3 else []:
            one = torch.zeros(shape, dtype=torch.float64)
            one[tuple(slices[l] for l in triple)] = o3.wigner_3j(*triple, dtype=torch.float64)
            found.append(one)
        return [_symmetric(one.unsqueeze(-1))[..., 0] for one in found]

    def __call__(self, features: torch.Tensor, elements: torch.Tensor, training: bool) -> torch.Tensor:
        """Scalars (N, C) of features (L, N, C) of atoms whose elements are one-hot (N, Z)."""
        channels = features.shape[2]
        # the weights of each invariant, (invariants, Z, C), and then of each atom, (invariants, N, C)
        weights = [own if training else own.detach() for own in self.parameters]
        tables = [one @ own.transpose(0, 1).flatten(1) for one, own in zip(self.mappings, weights, strict=True)]
        tables = torch.cat(tables).view(-1, elements.shape[1], channels)
        own = torch.bmm(elements.expand(len(tables), -1, -1), tables)
        if self.correlation == 1:
            return own[0] * features[0]
        if self.cubics is not None:
            return Cubic.apply(features, own, self.cubics)
        linear, squared, *rest = own.split(self.sizes)
        if rest:
            squared = torch.addcmul(squared, rest[0], features[:1])
        return torch.addcmul((squared * _summed(self.by_order, features * features)).sum(0), linear[0], features[0])


class Cubics(NamedTuple):
    """What the invariants of three features need: K orders, L values, T triples, their derivatives' R rows.

    A derivative of a triple by a value is a sum over pairs of values, which are each multiplied once.
    """

    orders: torch.Tensor  # (L,)
    by_order: torch.Tensor  # (K, L), 1 where a value is of an order
    first: torch.Tensor  # of each pair
    second: torch.Tensor
    forms: torch.Tensor  # (R, pairs): of three times the triple's symmetric tensor, both orders of a pair as one
    values: torch.Tensor  # (R,): by which value each row is the derivative
    triples: torch.Tensor  # (R,): of which triple
    by_triple: torch.Tensor  # (T, R), 1 where a row is of a triple

    @classmethod
    def of(cls, tensors: list[torch.Tensor], orders: torch.Tensor, by_order: torch.Tensor) -> "Cubics":
        """From the symmetric tensors (L, L, L) of the triples."""
        folded = [3 * (one + one.transpose(1, 2)).triu() for one in tensors]
        for one in folded:
            one.diagonal(dim1=1, dim2=2).div_(2)
        pairs = torch.stack([one.abs().sum(0) for one in folded]).sum(0).nonzero()
        rows = [(k, int(m)) for k, one in enumerate(folded) for m in one.abs().sum((1, 2)).nonzero()]
        forms = torch.stack([folded[k][m][tuple(pairs.T)] for k, m in rows])
        triples = torch.tensor([k for k, _ in rows])
        found = [*pairs.T.contiguous(), forms, torch.tensor([m for _, m in rows]), triples]
        first, second, forms, values, triples = (one.to(by_order.device) for one in found)
        by_triple = torch.arange(len(tensors), device=triples.device)[:, None] == triples
        return cls(orders, by_order, first, second, forms.to(by_order), values, triples, by_triple.to(by_order))


class Cubic(torch.autograd.Function):
    """``apply(features, weights, cubics)``: scalars (N, C) of features (L, N, C) by weights (1 + K + K + T, N, C).

    A backward pass with ``create_graph`` asks for what positions change, features; another one for weights as well.
    """

    @staticmethod
    def forward(ctx, features, weights, cubics):
        """Scalars, and their derivatives by the features on the way."""
        linear, squared, third, triple = _parts(weights, cubics)
        powers = _summed(cubics.by_order, features * features)  # (K, N, C)
        factors = torch.addcmul(squared, third, features[:1])
        pairs = features.index_select(0, cubics.first) * features.index_select(0, cubics.second)
        rows = _summed(cubics.forms, pairs)  # (R, N, C)
        weighted = rows * triple.index_select(0, cubics.triples)
        derivatives = 2 * factors.index_select(0, cubics.orders) * features
        derivatives[0] += linear[0] + (third * powers).sum(0)
        derivatives.index_add_(0, cubics.values, weighted)
        ctx.cubics = cubics
        ctx.save_for_backward(features, weights, powers, rows, derivatives)
        result = torch.addcmul((factors * powers).sum(0), linear[0], features[0])
        return result + (weighted * features.index_select(0, cubics.values)).sum(0) / 3

    @staticmethod
    def backward(ctx, grads):
        """Gradients by features and, in training's last pass, weights."""
        features, weights, powers, rows, derivatives = ctx.saved_tensors
        if torch.is_grad_enabled():
            return CubicGradient.apply(grads, features, weights, powers, rows, derivatives, ctx.cubics), None, None
        by_weights = None
        if ctx.needs_input_grad[1]:
            triples = _summed(ctx.cubics.by_triple, rows * features.index_select(0, ctx.cubics.values)) / 3
            by_weights = grads * torch.cat([features[:1], powers, features[:1] * powers, triples])
        return grads * derivatives, by_weights, None


class CubicGradient(torch.autograd.Function):
    """The gradient of ``Cubic`` by its features, itself differentiable."""

    @staticmethod
    def forward(ctx, grads, features, weights, powers, rows, derivatives, cubics):
        """Gradients (L, N, C)."""
        ctx.cubics = cubics
        ctx.save_for_backward(grads, features, weights, powers, rows, derivatives)
        return grads * derivatives

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, seconds):
        """Gradients by the scalars' gradients, features and weights."""
        grads, features, weights, powers, rows, derivatives = ctx.saved_tensors
        cubics = ctx.cubics
        _, squared, third, triple = _parts(weights, cubics)
        moved = grads * seconds  # (L, N, C)
        crossed = 2 * _summed(cubics.by_order, moved * features)  # (K, N, C): of the powers
        at_rows = moved.index_select(0, cubics.values)
        by_weights = torch.cat([
            moved[:1], crossed, torch.addcmul(features[:1] * crossed, moved[:1], powers),
            _summed(cubics.by_triple, rows * at_rows),
        ])  # fmt: skip
        factors = torch.addcmul(squared, third, features[:1]).index_select(0, cubics.orders)
        by_features = factors * moved + (third * moved[:1]).index_select(0, cubics.orders) * features
        by_features *= 2
        by_features[0] += (third * crossed).sum(0)
        pairs = moved.index_select(0, cubics.first) * features.index_select(0, cubics.second)
        pairs.addcmul_(features.index_select(0, cubics.first), moved.index_select(0, cubics.second))
        turned = _summed(cubics.forms, pairs) * triple.index_select(0, cubics.triples)
        by_features.index_add_(0, cubics.values, turned)
        return (seconds * derivatives).sum(0), by_features, by_weights, None, None, None, None


def _parts(weights: torch.Tensor, cubics: Cubics) -> tuple[torch.Tensor, ...]:
    """Weights of B₀, of Pₗ, of B₀ Pₗ and of the triples."""
    orders = len(cubics.by_order)
    return weights.split([1, orders, orders, len(cubics.by_triple)])


def _summed(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Rows (R, N, C) of a matrix (R, L) times values (L, N, C)."""
    return (matrix @ values.flatten(1)).view(-1, *values.shape[1:])


def _symmetric(tensor: torch.Tensor) -> torch.Tensor:
    """The mean over all orders of all indices but the last."""
    orders = list(itertools.permutations(range(tensor.ndim - 1)))
    return sum(tensor.permute(*order, tensor.ndim - 1) for order in orders) / len(orders)


def _in_invariants(mapping: torch.Tensor, invariants: list[torch.Tensor]) -> torch.Tensor:
    """The matrix (invariants, paths) of a coupling tensor (L, …, paths).

    No two invariants have a product of features in common, so one product tells the coefficient: no matrix is inverted,
    whose last bits would depend on where in memory it lies.
    """
    mapping = _symmetric(mapping)
    places = [int(one.abs().argmax()) for one in invariants]
    flat, rest = mapping.flatten(0, -2), [one.flatten() for one in invariants]
    found = torch.stack([flat[place] / one[place] for place, one in zip(places, rest, strict=True)])
    if not torch.allclose(torch.stack(rest).T @ found, flat, atol=1e-4):
        raise ValueError(f"a coupling of {mapping.ndim - 1} features is no polynomial of the known invariants")
    return found
