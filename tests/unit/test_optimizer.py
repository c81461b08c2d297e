"""The optimiser and the average are those of torch and torch_ema."""

import pytest
import torch
from torch_ema import ExponentialMovingAverage

from mftl.optimizer import Adam, Average, clip


def weights() -> list[torch.nn.Parameter]:
    random = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(n, 3, generator=random, dtype=torch.float64)) for n in (4, 1, 7)]


def groups(own: list[torch.nn.Parameter]) -> list[dict]:
    return [{"params": own[:1], "lr": 0.05}, {"params": own[1:], "lr": 0.01}]


def gradients(step: int) -> list[torch.Tensor | None]:
    """New ones for each step, small and large; one set of weights has none at first."""
    random = torch.Generator().manual_seed(step)
    return [
        None if step < 5 and n == 1 else torch.randn(n, 3, generator=random, dtype=torch.float64) * 10 ** (step % 3)
        for n in (4, 1, 7)
    ]


class Ours:
    def __init__(self):
        self.weights = weights()
        self.optimizer = Adam(groups(self.weights), 1e-2, lambda rate, first: 0.9 * rate)
        self.average = Average(self.weights, 0.95)

    def steps(self, numbers: range) -> None:
        for step in numbers:
            for one, gradient in zip(self.weights, gradients(step), strict=True):
                one.grad = None if gradient is None else gradient.clone()
            clip(self.weights, 10.0)
            self.optimizer.step()
            self.average.update()


def test_same_as_torch_and_torch_ema():
    ours, theirs = Ours(), weights()
    optimizer = torch.optim.Adam(groups(theirs), amsgrad=True, weight_decay=1e-2)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    average = ExponentialMovingAverage(theirs, decay=0.95)
    for step in range(300):
        ours.steps(range(step, step + 1))
        for one, gradient in zip(theirs, gradients(step), strict=True):
            one.grad = gradient
        torch.nn.utils.clip_grad_norm_(theirs, 10.0)
        optimizer.step()
        scheduler.step()
        average.update()
        if step < 10 or step == 299:
            torch.testing.assert_close(ours.weights, theirs, rtol=1e-12, atol=1e-14)
            torch.testing.assert_close(ours.average.values, average.shadow_params, rtol=1e-12, atol=1e-14)
            assert ours.optimizer.rates == pytest.approx(scheduler.get_last_lr(), rel=1e-12)


def test_the_average_of_the_same_weights_has_the_same_bits():
    own = weights()
    ours, theirs = Average(own, 0.9), ExponentialMovingAverage(own, decay=0.9)
    for step in range(30):
        with torch.no_grad():
            for one in own:
                one.add_(torch.randn(one.shape, generator=torch.Generator().manual_seed(step), dtype=one.dtype))
        ours.update(), theirs.update()
    assert all(torch.equal(one, other) for one, other in zip(ours.values, theirs.shadow_params, strict=True))
    kept = [one.detach().clone() for one in own]
    with ours.average_parameters():
        assert all(torch.equal(one, other) for one, other in zip(own, ours.values, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(own, kept, strict=True))


def test_resumed_steps_have_the_same_bits(tmp_path):
    through, first, second = Ours(), Ours(), Ours()
    through.steps(range(9))
    first.steps(range(4))
    state = {"weights": first.weights, "optimizer": first.optimizer.state_dict(), "average": first.average.state_dict()}
    torch.save(state, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=False)
    with torch.no_grad():
        for own, one in zip(second.weights, state["weights"], strict=True):
            own.copy_(one)
    second.optimizer.load_state_dict(state["optimizer"])
    second.average.load_state_dict(state["average"])
    second.steps(range(4, 9))
    for one, other in zip(
        second.weights + second.average.values, through.weights + through.average.values, strict=True
    ):
        assert torch.equal(one, other)
    assert second.optimizer.rates == through.optimizer.rates
