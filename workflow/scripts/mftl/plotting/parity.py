"""Parity panels: predicted against reference values, dark where there are many."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.ticker import MaxNLocator

from mftl.plotting.style import DARK, mixed

BEYOND = 0.5  # of the references' range: how far predictions outside of it widen a panel


def parity(axis: Axes, reference: np.ndarray, predicted: np.ndarray, color: str, limits: tuple[float, float]) -> None:
    """Draw hexagons on a square panel; their colour goes with the logarithm of the number of points in them.

    Predictions beyond the limits are triangles on the edge, and a text says how many they are.
    """
    inside = (predicted >= limits[0]) & (predicted <= limits[1])
    ends: list = [mixed(color, 0.4), color, mixed(color, 1.0, 0.45)]
    shades = LinearSegmentedColormap.from_list("shades", ends)
    axis.hexbin(
        reference[inside],
        predicted[inside],
        gridsize=48,
        extent=(*limits, *limits),
        mincnt=1,
        norm=LogNorm(),
        cmap=shades,
        linewidths=0.1,
    )
    axis.plot(limits, limits, color=DARK, linewidth=0.7, linestyle=":")
    inset = 0.015 * (limits[1] - limits[0])
    above, below = predicted > limits[1], predicted < limits[0]
    for beyond, edge, marker in ((above, limits[1] - inset, "^"), (below, limits[0] + inset, "v")):
        edges = np.full(np.count_nonzero(beyond), edge)
        axis.plot(reference[beyond], edges, marker, color=mixed(color, 1.0, 0.2), markersize=3, markeredgewidth=0)
    if not inside.all():
        text = f"{np.count_nonzero(~inside)} beyond"
        axis.text(0.96, 0.04, text, transform=axis.transAxes, ha="right", va="bottom")
    axis.set(xlim=limits, ylim=limits, aspect="equal")
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.grid(True, linewidth=0.3, alpha=0.5)


def common_limits(reference: np.ndarray, *predicted: np.ndarray) -> tuple[float, float]:
    """Limits that hold all references, and predictions unless they are far outside of these; with a margin."""
    low, high = reference.min(), reference.max()
    far = BEYOND * (high - low)
    low, high = (max(low - far, min(p.min() for p in (reference, *predicted))),
                 min(high + far, max(p.max() for p in (reference, *predicted))))  # fmt: skip
    margin = 0.04 * (high - low)
    return float(low - margin), float(high + margin)
