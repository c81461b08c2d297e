"""Stress of a model by mace-torch's own modules, from batches that have no unit shifts."""

from collections.abc import Callable

import torch

Forward = Callable[..., dict[str, torch.Tensor]]


def with_stress(model: torch.nn.Module) -> Forward:
    """What computes energies, forces and, if wanted, stress (G, 3, 3) in eV/Å³ of a plain model, as ``LeanModel`` does.

    The stress has ASE's sign: the derivative of the energy by a symmetric strain, over the volume. With ``training``
    forces and stress can be differentiated by the weights.
    """

    def forward(
        batch: dict, training: bool = False, compute_force: bool = True, compute_stress: bool = False
    ) -> dict[str, torch.Tensor]:
        if not compute_stress:
            return model(batch, training=training, compute_force=compute_force)
        own, senders = batch["batch"], batch["edge_index"][0]
        positions = batch["positions"].detach().requires_grad_()
        strain = positions.new_zeros(len(batch["ptr"]) - 1, 3, 3, requires_grad=True)
        symmetric = (strain + strain.mT) / 2
        strained = {
            "positions": positions + _by(positions, symmetric.index_select(0, own)),
            "shifts": batch["shifts"] + _by(batch["shifts"], symmetric.index_select(0, own.index_select(0, senders))),
        }
        output = model(batch | strained, training=True, compute_force=False)
        inputs = [positions, strain]
        gradients, virials = torch.autograd.grad(output["interaction_energy"].sum(), inputs, create_graph=training)
        volumes = torch.linalg.det(batch["cell"].view(-1, 3, 3)).abs()
        return output | {"forces": -gradients, "stress": virials / volumes[:, None, None]}

    return forward


def _by(vectors: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    return torch.bmm(vectors.unsqueeze(1), matrices).squeeze(1)
