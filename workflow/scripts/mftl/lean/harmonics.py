"""Real spherical harmonics and their gradients, each order from the one below it."""

import torch

from mftl.mace_imports import o3


class Harmonics:
    """Spherical harmonics up to ``max_ell`` in e3nn's order and component normalisation.

    The gradient of a solid harmonic is a combination of those of one order less, and by Euler's theorem its product
    with the position is l times the harmonic itself: one small matrix for each order gives both.
    """

    def __init__(self, max_ell: int, like: torch.Tensor):
        self.matrices = []
        for l in range(1, max_ell + 1):
            coupling = o3.wigner_3j(l - 1, l, 1, dtype=torch.float64)  # (2 l - 1, 2 l + 1, 3)
            # at the pole, the second of e3nn's axes, only the middle harmonic is not zero, and √(2 l + 1)
            scale = l * ((2 * l + 1) / (2 * l - 1)) ** 0.5 / float(coupling[l - 1, l, 1])
            self.matrices.append((coupling.flatten(1) * scale).to(like))

    def __call__(self, units: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Harmonics (E, L) and the gradients of solid harmonics (E, L, 3) at unit vectors (E, 3)."""
        edges = len(units)
        values, gradients = [units.new_ones(edges, 1)], [units.new_zeros(edges, 1, 3)]
        for l, matrix in enumerate(self.matrices, start=1):
            gradients.append((values[-1] @ matrix).view(edges, 2 * l + 1, 3))
            values.append(torch.einsum("emi,ei->em", gradients[-1], units) / l)
        return torch.cat(values, 1), torch.cat(gradients, 1)
