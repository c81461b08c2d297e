"""The loss: what training minimises."""

from collections.abc import Callable

import torch

from mftl.config.training import Training


def deviations(
    forward: Callable[..., dict[str, torch.Tensor]], batch: dict[str, torch.Tensor], use_forces: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Predicted less true energies per atom, (B,) in eV/atom, and forces, (N, 3) in eV/Å, to be differentiated.

    The energies compared are interaction energies, without the reference energies: in float32 a total energy of
    10⁴ eV has no digits left for meV.
    """
    output = forward(batch, training=True, compute_force=use_forces)
    sizes = batch["ptr"][1:] - batch["ptr"][:-1]
    energy = (output["interaction_energy"] - batch["energy"]) / sizes
    return energy, output["forces"] - batch["forces"] if use_forces else None


def weighted_loss(energy: torch.Tensor, forces: torch.Tensor | None, settings: Training) -> torch.Tensor:
    """Weighted sum of the mean squared deviations of energies and forces; large ones may count linearly."""

    def mean(deviation: torch.Tensor) -> torch.Tensor:
        if settings.huber_delta is None:
            return (deviation**2).mean()
        # torch's Huber loss is half the square for small deviations
        return 2 * torch.nn.functional.huber_loss(deviation, torch.zeros_like(deviation), delta=settings.huber_delta)

    loss = settings.energy_weight * mean(energy)
    return loss if forces is None else loss + settings.forces_weight * mean(forces)
