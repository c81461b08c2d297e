"""Radial functions of the edges and their slopes, apart from the graph that is differentiated by positions.

Forces need how the weights of an edge change with its length. To compute these slopes along with the weights spares the
second derivative the radial network altogether: what is left of it is an ordinary backward pass, written out here.
"""

import torch


def bessel(lengths: torch.Tensor, frequencies: torch.Tensor, cutoff: float, p: int) -> torch.Tensor:
    """Bessel functions times the polynomial cutoff, then their derivatives, (2 E, B), at ``lengths`` (E, 1).

    The factor √(2/cutoff) is left out. Gasteiger et al., ICLR 2020 (arXiv:2003.03123), equations 7 and 8.
    """
    x = (lengths / cutoff).clamp(max=1.0)  # value and slope of the envelope vanish at 1
    power = x ** (p - 1)
    envelope = 1 - x * power * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x * x)
    slope = -p * (p + 1) * (p + 2) / (2 * cutoff) * power * (1 - x) ** 2
    angles = frequencies * lengths  # (E, B)
    waves = torch.sin(angles) / lengths
    slopes = (frequencies * torch.cos(angles) - waves) * (envelope / lengths) + waves * slope
    return torch.cat([waves * envelope, slopes])


class RadialNetwork(torch.autograd.Function):
    """The radial network of a layer: matrices with SiLU between them, no biases.

    ``apply(basis, factors, *matrices)``: ``basis`` (2 E, B) holds values and slopes; ``factors`` multiply the
    matrices, the last of which has D columns. Returns values and slopes, (E, D) each. The basis gets no gradient.
    """

    @staticmethod
    def forward(ctx, basis: torch.Tensor, factors: list[float], *matrices: torch.Tensor):
        """Values and slopes."""
        edges = len(basis) // 2
        scaled = [matrix * factor for matrix, factor in zip(matrices, factors, strict=True)]
        inputs = basis
        saved = [inputs]
        for matrix in scaled[:-1]:
            outputs = inputs @ matrix
            value, slope = outputs[:edges], outputs[edges:]
            sigmoid = torch.sigmoid(value)
            rest = 1 - sigmoid
            inputs = torch.empty_like(outputs)
            activated = torch.mul(value, sigmoid, out=inputs[:edges])
            derivative = torch.addcmul(sigmoid, activated, rest)  # of x σ: σ + x σ (1 - σ)
            torch.mul(derivative, slope, out=inputs[edges:])
            saved += [slope, sigmoid, rest, derivative, inputs]
        ctx.factors = factors
        ctx.save_for_backward(*scaled, *saved)
        return inputs[:edges] @ scaled[-1], inputs[edges:] @ scaled[-1]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_value: torch.Tensor, grad_slope: torch.Tensor):
        """Gradients by the matrices."""
        depth, edges = len(ctx.factors), len(grad_value)
        scaled, saved = ctx.saved_tensors[:depth], ctx.saved_tensors[depth:]
        inputs, factor = saved[-1], ctx.factors[-1]
        by_value = torch.mm(inputs[:edges].T, grad_value)
        found = [torch.addmm(by_value, inputs[edges:].T, grad_slope, alpha=factor, beta=factor)]
        grads = torch.empty_like(inputs)
        for own, part in ((grad_value, grads[:edges]), (grad_slope, grads[edges:])):
            torch.mm(own, scaled[-1].T, out=part)
        for k in reversed(range(depth - 1)):
            before, slope, sigmoid, rest, derivative, after = saved[5 * k : 5 * k + 6]
            by_value, by_slope = grads[:edges], grads[edges:]
            # the second derivative of x σ: (1 - σ) (σ (1 - x σ) + its first)
            curvature = torch.addcmul(sigmoid + derivative, after[:edges], sigmoid, value=-1).mul_(rest)
            by_value.mul_(derivative).addcmul_(curvature.mul_(slope), by_slope)
            by_slope.mul_(derivative)
            found.append(torch.mm(before.T, grads).mul_(ctx.factors[k]))
            if k:
                grads = grads @ scaled[k].T
        return None, None, *reversed(found)
