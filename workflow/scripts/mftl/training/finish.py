"""What is done to a model before it is written: mace-torch alone can load it, and its energies are fixed."""

import torch

from mftl import acceleration, models
from mftl.config.training import Training
from mftl.training import low_rank
from mftl.training.heads import Head, fitted_shift


def plain_model(head: Head, settings: Training) -> torch.nn.Module:
    """The model of a head with the weights it holds now, as mace-torch alone can load it."""
    if not settings.energy_weight:
        fix_energies(head)
    model = low_rank.merged(head.adjustment.merged(head.model) if head.adjustment else head.model)
    if settings.accelerate == "cuequivariance":
        return acceleration.from_cuequivariance(model, next(model.parameters()).device)
    return model


def fix_energies(head: Head) -> None:
    """Fit the reference energies to the training set once more: forces alone leave a constant open.

    As Röcken and Zavadlav do it. The fit starts from the reference energies of the first step, so that it does not
    depend on how often it was done.
    """
    shift = fitted_shift(head.model, head.data, head.graphs, head.forward)
    models.set_reference_energies(head.model, head.references + shift)
