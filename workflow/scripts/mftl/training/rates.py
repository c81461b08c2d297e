"""Which weights learn, and how fast."""

from collections.abc import Callable

import torch

from mftl.config.training import Training
from mftl.training import low_rank


def parameter_groups(heads: torch.nn.ModuleList, settings: Training) -> list[dict]:
    """The optimiser's groups of weights, highest learning rate first; frozen weights are in none.

    The readouts learn at ``settings.learning_rate``, each layer below at ``settings.layer_decay`` times the rate of the
    one above it: last interaction and product, ..., first interaction and product, embedding. Where layers are adapted
    by ``low_rank``, their factors alone learn.
    """
    layers = int(heads[0].num_interactions)
    alone = {id(one) for one in low_rank.factors(heads)}
    groups: dict[float, list] = {}
    for name, parameter in heads.named_parameters():
        part, index = name.split(".")[1:3]
        if part not in ("interactions", "products", "readouts"):
            part = "embedding"
        learns = part not in settings.frozen and (not alone or id(parameter) in alone)
        parameter.requires_grad_(learns)  # older files come with frozen weights
        if parameter.requires_grad:
            height = {"embedding": 0, "readouts": layers + 1}.get(part)
            height = int(index) + 1 if height is None else height
            rate = settings.learning_rate * settings.layer_decay ** (layers + 1 - height)
            groups.setdefault(rate, []).append(parameter)
    return [{"params": groups[rate], "lr": rate} for rate in sorted(groups, reverse=True)]


def adjustment_groups(adjustments: torch.nn.ModuleList, settings: Training) -> list[dict]:
    """The same of scale and shift, which stay where they have no rate."""
    rates = {"scale": settings.learning_rate_scale, "shift": settings.learning_rate_shift}
    groups = []
    for name, rate in rates.items():
        own = [getattr(one, name).requires_grad_(rate is not None) for one in adjustments]
        if own and rate:
            groups.append({"params": own, "lr": rate})
    return groups


def change(settings: Training, steps: int) -> Callable[[float, float], float]:
    """What makes of a learning rate, and of what it was in the first step, that of the next step.

    In a run planned to take so many ``steps``. By ``learning_rate_half_life`` it does not depend on that, by
    ``learning_rate_final`` it does.
    """
    if settings.learning_rate_final == 0:
        return lambda rate, first: max(0.0, rate - first / steps)
    factor = 1.0
    if settings.learning_rate_final:
        factor = float((settings.learning_rate_final / settings.learning_rate) ** (1 / steps))
    elif settings.learning_rate_half_life:
        factor = float(0.5 ** (1 / settings.learning_rate_half_life))
    return lambda rate, first: factor * rate
