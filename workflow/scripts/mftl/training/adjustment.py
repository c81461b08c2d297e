"""Scale and shift of a model's energies as weights that learn, at rates of their own (Zaverkin et al., 2023).

MACE keeps both as numbers that no training changes: one scale for all elements, and a reference energy of each. Here
they learn beside the model, and are multiplied into those numbers when it is written, so that its file stays a plain
one. A scale for each element, as the authors' networks have, has no place in MACE's form.
"""

import copy
from collections.abc import Callable

import numpy as np
import torch

from mftl import models

Forward = Callable[..., dict[str, torch.Tensor]]


class Adjustment(torch.nn.Module):
    """A factor of interaction energies (``scale``, shape ()) and what each atom adds (``shift``, (Z,) in eV)."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        like = next(model.parameters())
        self.scale = torch.nn.Parameter(torch.ones((), dtype=like.dtype, device=like.device))
        elements = len(models.model_elements(model))
        self.shift = torch.nn.Parameter(torch.zeros(elements, dtype=like.dtype, device=like.device))

    def adjusted(self, forward: Forward) -> Forward:
        """What computes adjusted interaction energies, forces and stress, from what computes a model's."""

        def both(batch: dict[str, torch.Tensor], **options: bool) -> dict[str, torch.Tensor]:
            output = forward(batch, **options)
            energies = self.scale * output["interaction_energy"]
            energies = energies.index_add(0, batch["batch"], self.shift.index_select(0, batch["elements"]))
            derived = {key: self.scale * output[key] for key in ("forces", "stress") if output.get(key) is not None}
            return output | {"interaction_energy": energies} | derived

        return both

    def merged(self, model: torch.nn.Module) -> torch.nn.Module:
        """A copy of the model with the adjustment in its own scale and reference energies."""
        new = copy.deepcopy(model)
        with torch.no_grad():
            new.scale_shift.scale.mul_(self.scale.to(new.scale_shift.scale))
            new.scale_shift.shift.mul_(self.scale.to(new.scale_shift.shift))
        shift: np.ndarray = self.shift.detach().double().cpu().numpy()
        models.set_reference_energies(new, models.reference_energies(new) + shift)
        return new
