"""Which weights learn, and how fast."""

import torch

from mftl.config.training import Training


def parameter_groups(heads: torch.nn.ModuleList, settings: Training) -> list[dict]:
    """The optimiser's groups of weights, highest learning rate first; frozen weights are in none.

    The readouts learn at ``settings.learning_rate``, each layer below at ``settings.layer_decay`` times the rate of the
    one above it: last interaction and product, ..., first interaction and product, embedding.
    """
    layers = int(heads[0].num_interactions)
    groups: dict[float, list] = {}
    for name, parameter in heads.named_parameters():
        part, index = name.split(".")[1:3]
        if part not in ("interactions", "products", "readouts"):
            part = "embedding"
        parameter.requires_grad_(part not in settings.frozen)  # older files come with frozen weights
        if parameter.requires_grad:
            height = {"embedding": 0, "readouts": layers + 1}.get(part)
            height = int(index) + 1 if height is None else height
            rate = settings.learning_rate * settings.layer_decay ** (layers + 1 - height)
            groups.setdefault(rate, []).append(parameter)
    return [{"params": groups[rate], "lr": rate} for rate in sorted(groups, reverse=True)]


def decay(settings: Training, steps: int) -> float:
    """The factor by which each step lowers the learning rates, in a run planned to take so many ``steps``.

    By ``learning_rate_half_life`` it does not depend on ``steps``, by ``learning_rate_final`` it does.
    """
    if settings.learning_rate_final:
        return float((settings.learning_rate_final / settings.learning_rate) ** (1 / steps))
    return float(0.5 ** (1 / settings.learning_rate_half_life)) if settings.learning_rate_half_life else 1.0
