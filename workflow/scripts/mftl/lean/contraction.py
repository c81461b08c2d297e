"""MACE's symmetric contraction to scalars, in invariants that are each computed once."""

import itertools

import torch

from mftl.mace_imports import o3


class Contraction:
    """Products of up to three features of an atom that make scalars, for each channel.

    MACE lists every way to couple harmonics to a scalar (23 of three up to l = 3). Most are the same polynomial: B₀,
    Pₗ = Σₘ Bₗₘ², B₀ Pₗ, and for three orders l above 0 at most one that the Wigner 3j symbol gives. What MACE's
    coupling matrices are in these is found once; each call then needs the fewer weights alone.
    Raises ValueError if the coupling matrices are no such polynomials.
    """

    def __init__(self, block: torch.nn.Module, max_ell: int):
        (own,) = block.symmetric_contractions.contractions
        self.correlation = own.correlation
        if not 1 <= self.correlation <= 3:
            raise ValueError(f"correlation {self.correlation}")
        self.parameters = [own.weights_max, *own.weights][::-1]  # of one feature, of two, of three: (Z, paths, C)
        self.orders = [l for l in range(max_ell + 1) for _ in range(2 * l + 1)]
        self.triples = []
        if self.correlation == 3:
            orders = itertools.combinations_with_replacement(range(1, max_ell + 1), 3)
            self.triples = [one for one in orders if sum(one) % 2 == 0 and one[2] <= one[0] + one[1]]
        like = own.weights_max.detach()
        self._make_cubics(like)
        self.sizes = [1, len(self.orders), len(self.orders), len(self.third)][: self.correlation + bool(self.triples)]
        mappings = [getattr(own, f"U_matrix_{nu}").detach().double().cpu() for nu in range(1, self.correlation + 1)]
        expand = torch.nn.functional.one_hot(torch.tensor(self.orders)).double()
        terms = [torch.ones(1, 1), expand, torch.block_diag(expand, *self.repeats)]
        self.mappings = [
            (terms[k].double() @ self._in_invariants(mapping, k + 1)).to(like) for k, mapping in enumerate(mappings)
        ]

    def _make_cubics(self, like: torch.Tensor) -> None:
        """Which pairs of features each triple multiplies, what is summed of them, and the third by which that is."""
        first, second, third, blocks, self.repeats = [], [], [], [], []
        for one, two, three in self.triples:
            pairs = list(itertools.product(range(2 * one + 1), range(2 * two + 1)))
            first += [one**2 + i for i, _ in pairs]
            second += [two**2 + j for _, j in pairs]
            third += list(range(three**2, (three + 1) ** 2))
            blocks.append(o3.wigner_3j(one, two, three, dtype=torch.float64).flatten(0, 1).T)
            self.repeats.append(torch.ones(2 * three + 1, 1))
        index = [torch.tensor(one, dtype=torch.int64, device=like.device) for one in (first, second, third)]
        self.first, self.second, self.third = index
        self.couplings = torch.block_diag(*blocks).to(like) if blocks else None  # (third, pairs)

    def _in_invariants(self, mapping: torch.Tensor, degree: int) -> torch.Tensor:
        """The matrix (invariants, paths) of a coupling tensor, from its values at random features."""
        features = torch.randn(
            100, len(self.orders), 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
        )
        flat = features[:, :, 0]
        values = flat @ mapping.flatten(1)  # (n, L^(degree - 1) paths): one feature after the other
        for _ in range(degree - 1):
            values = torch.bmm(flat.unsqueeze(1), values.view(len(flat), len(self.orders), -1)).squeeze(1)
        squares = torch.zeros(100, self.orders[-1] + 1, dtype=torch.float64)
        squares.index_add_(1, torch.tensor(self.orders), flat**2)
        invariants = flat[:, :1] if degree == 1 else squares
        if degree == 3:
            invariants = torch.cat([flat[:, :1] * squares, self._cubic(features.cpu())], 1)
        found = torch.linalg.lstsq(invariants, values).solution
        if not torch.allclose(invariants @ found, values, atol=1e-4):
            raise ValueError(f"a coupling of {degree} features is no polynomial of the known invariants")
        return found

    def _cubic(self, features: torch.Tensor) -> torch.Tensor:
        """Values of the triples' invariants, (n, triples), at features (n, L, 1), in float64."""
        if not self.triples:
            return features.new_zeros(len(features), 0)
        first, second, third = self.first.cpu(), self.second.cpu(), self.third.cpu()
        pairs = features[:, first, 0] * features[:, second, 0]
        sums = pairs @ self.couplings.double().cpu().T * features[:, third, 0]
        return sums @ torch.block_diag(*self.repeats).double()

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
