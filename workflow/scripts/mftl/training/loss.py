"""The loss: what training minimises."""

from collections.abc import Callable

import torch

from mftl.config.training import Training


def deviations(
    forward: Callable[..., dict[str, torch.Tensor]],
    batch: dict[str, torch.Tensor],
    use_forces: bool,
    use_stress: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Predicted less true energies per atom, (B,) in eV/atom, forces, (N, 3) in eV/Å, and stress, (B, 3, 3) in eV/Å³.

    They can be differentiated by the weights.
    The energies compared are interaction energies, without the reference energies: in float32 a total energy of
    10⁴ eV has no digits left for meV.
    """
    stress = {"compute_stress": True} if use_stress else {}
    output = forward(batch, training=True, compute_force=use_forces, **stress)
    sizes = batch["ptr"][1:] - batch["ptr"][:-1]
    energy = (output["interaction_energy"] - batch["energy"]) / sizes
    forces = output["forces"] - batch["forces"] if use_forces else None
    return energy, forces, output["stress"] - batch["stress"] if use_stress else None


def weighted_loss(
    energy: torch.Tensor, forces: torch.Tensor | None, stress: torch.Tensor | None, settings: Training
) -> torch.Tensor:
    """Weighted sum of the mean squared deviations of energies, forces and stress; large ones may count linearly."""

    def mean(deviation: torch.Tensor) -> torch.Tensor:
        if settings.huber_delta is None:
            return (deviation**2).mean()
        # torch's Huber loss is half the square for small deviations
        return 2 * torch.nn.functional.huber_loss(deviation, torch.zeros_like(deviation), delta=settings.huber_delta)

    loss = settings.energy_weight * mean(energy)
    if forces is not None:
        loss = loss + settings.forces_weight * mean(forces)
    return loss if stress is None else loss + settings.stress_weight * mean(stress)
