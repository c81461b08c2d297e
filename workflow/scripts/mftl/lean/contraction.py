"""MACE's symmetric contraction to scalars, in invariants that are each computed once."""

import itertools

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
        self._make_cubics(like)
        self.sizes = [1, len(self.orders), len(self.orders), len(self.third)][: self.correlation + bool(self.triples)]
        thirds = [max_ell + 1 + k for k, (*_, three) in enumerate(self.triples) for _ in range(2 * three + 1)]
        self.mappings = []  # from the weights of MACE's paths to those of each product here
        for degree, rows in enumerate(([0], self.orders, self.orders + thirds), start=1):
            if degree <= self.correlation:
                mapping = getattr(own, f"U_matrix_{degree}").detach().double().cpu()
                self.mappings.append(_in_invariants(mapping, self._invariants(degree))[rows].to(like))

    def _make_cubics(self, like: torch.Tensor) -> None:
        """Which pairs of features each triple multiplies, what is summed of them, and the third by which that is."""
        first, second, third, blocks = [], [], [], []
        for one, two, three in self.triples:
            pairs = list(itertools.product(range(2 * one + 1), range(2 * two + 1)))
            first += [one**2 + i for i, _ in pairs]
            second += [two**2 + j for _, j in pairs]
            third += list(range(three**2, (three + 1) ** 2))
            blocks.append(o3.wigner_3j(one, two, three, dtype=torch.float64).flatten(0, 1).T)
        index = [torch.tensor(one, dtype=torch.int64, device=like.device) for one in (first, second, third)]
        self.first, self.second, self.third = index
        self.couplings = torch.block_diag(*blocks).to(like) if blocks else None  # (third, pairs)

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
        _, atoms, channels = features.shape
        # the weights of each invariant, (invariants, Z, C), and then of each atom, (invariants, N, C)
        weights = [own if training else own.detach() for own in self.parameters]
        tables = [one @ own.transpose(0, 1).flatten(1) for one, own in zip(self.mappings, weights, strict=True)]
        tables = torch.cat(tables).view(-1, elements.shape[1], channels)
        own = torch.bmm(elements.expand(len(tables), -1, -1), tables)
        if self.correlation == 1:
            return own[0] * features[0]
        linear, squared, *rest = own.split(self.sizes)
        if self.correlation == 3:
            squared = torch.addcmul(squared, rest[0], features[:1])
        result = torch.addcmul((squared * features * features).sum(0), linear[0], features[0])
        if self.triples:
            pairs = features.index_select(0, self.first) * features.index_select(0, self.second)
            sums = (self.couplings @ pairs.flatten(1)).view(-1, atoms, channels)
            result = result + (rest[1] * sums * features.index_select(0, self.third)).sum(0)
        return result


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
