"""The optimiser and the average of the weights: few calls for all tensors at once, where there are many small ones.

``torch.optim`` and ``torch_ema`` do the same; the first imports torch's compiler at its first step, which takes longer
than a short training, and the second takes three calls for each tensor.
"""

import contextlib
from collections.abc import Callable, Iterator

import torch


class Adam:
    """Adam with AMSGrad and weight decay, as ``torch.optim.Adam``, and a learning rate that changes in each step.

    ``groups``: dictionaries of ``params`` and ``lr``. ``change``: from a group's rate and its first one to the next
    rate. Kingma and Ba, arXiv:1412.6980; Reddi et al., arXiv:1904.09237.
    """

    def __init__(
        self,
        groups: list[dict],
        weight_decay: float,
        change: Callable[[float, float], float] = lambda rate, first: rate,
    ):
        self.groups, self.weight_decay, self.change = groups, weight_decay, change
        self.rates = [group["lr"] for group in groups]
        # of each group: mean gradients, mean squares, largest mean squares, numbers of steps
        self.moments = [
            [[torch.zeros_like(one, memory_format=torch.preserve_format) for one in group["params"]] for _ in range(3)]
            for group in groups
        ]
        self.steps = [[torch.zeros((), device=one.device) for one in group["params"]] for group in groups]

    def step(self) -> None:
        """Change the weights that have a gradient, then the learning rates."""
        with torch.no_grad():
            for group, rate, moments, steps in zip(self.groups, self.rates, self.moments, self.steps, strict=True):
                weights = group["params"]
                some = [k for k, one in enumerate(weights) if one.grad is not None]
                lists = [[weights[k] for k in some], [weights[k].grad for k in some]]
                lists += [[own[k] for k in some] for own in (*moments, steps)]
                if not some:
                    continue
                torch._foreach_add_(lists[-1], 1)
                torch._fused_adam_(
                    *lists, lr=rate, beta1=0.9, beta2=0.999, weight_decay=self.weight_decay, eps=1e-8, amsgrad=True,
                    maximize=False,
                )  # fmt: skip
        self.rates = [self.change(rate, group["lr"]) for rate, group in zip(self.rates, self.groups, strict=True)]

    def state_dict(self) -> dict:
        """What ``load_state_dict`` needs; references, not copies."""
        return {"rates": self.rates, "moments": self.moments, "steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        """Take up the state of another object for the same weights."""
        self.rates = list(state["rates"])
        for own, other in zip(_tensors(self.state_dict()), _tensors(state), strict=True):
            own.copy_(other)


class Average:
    """Exponential moving average of weights, with the numbers of ``torch_ema.ExponentialMovingAverage``.

    The decay warms up: in the k-th update it is (1 + k)/(10 + k) as long as that is smaller.
    """

    def __init__(self, weights: list[torch.nn.Parameter], decay: float):
        self.weights, self.decay, self.updates = weights, decay, 0
        self.values = [one.detach().clone() for one in weights]

    def update(self) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            changes = torch._foreach_sub(self.values, self.weights)
            torch._foreach_mul_(changes, 1.0 - decay)
            torch._foreach_sub_(self.values, changes)

    @contextlib.contextmanager
    def average_parameters(self) -> Iterator[None]:
        """The weights are the average inside, and what they were afterwards."""
        kept = [one.detach().clone() for one in self.weights]
        with torch.no_grad():
            torch._foreach_copy_(self.weights, self.values)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.weights, kept)

    def state_dict(self) -> dict:
        """What ``load_state_dict`` needs; references, not copies."""
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: dict) -> None:
        """Take up the state of another object for the same weights."""
        self.updates = state["updates"]
        for own, other in zip(self.values, state["values"], strict=True):
            own.copy_(other)


def clip(weights: list[torch.nn.Parameter], largest: float) -> None:
    """Scale all gradients so that their common norm is at most ``largest``, as ``torch.nn.utils.clip_grad_norm_``."""
    gradients = [one.grad for one in weights if one.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (largest / (norm + 1e-6)).clamp(max=1.0))


def _tensors(state: dict) -> list[torch.Tensor]:
    return [one for group in state["moments"] for part in group for one in part] + [
        one for group in state["steps"] for one in group
    ]
