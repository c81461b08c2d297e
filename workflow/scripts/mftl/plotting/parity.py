"""Parity panels: predicted against reference values, dark where there are many."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.ticker import MaxNLocator

from mftl.plotting.style import DARK


def parity(axis: Axes, reference: np.ndarray, predicted: np.ndarray, color: str, limits: tuple[float, float]) -> None:
    """Draw hexagons on a square panel; their colour goes with the logarithm of the number of points in them."""
    shades = LinearSegmentedColormap.from_list("shades", [_mix(color, 0.4), color, _mix(color, 1.0, 0.45)])
    axis.hexbin(
        reference,
        predicted,
        gridsize=48,
        extent=(*limits, *limits),
        mincnt=1,
        norm=LogNorm(),
        cmap=shades,
        linewidths=0.1,
    )
    axis.plot(limits, limits, color=DARK, linewidth=0.7, linestyle=":")
    axis.set(xlim=limits, ylim=limits, aspect="equal")
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.grid(True, linewidth=0.3, alpha=0.5)


def common_limits(*values: np.ndarray) -> tuple[float, float]:
    """Limits that hold all values, with a margin."""
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    margin = 0.04 * (high - low)
    return float(low - margin), float(high + margin)


def _mix(color: str, share: float, darkness: float = 0.0) -> tuple[float, ...]:
    """A colour mixed with white, then with black."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return tuple((share * rgb + (1 - share)) * (1 - darkness))
