"""Straight lines through points on logarithmic axes, with what the points' draws leave open."""

from dataclasses import dataclass

import numpy as np

from mftl.points import LEVEL

FEWEST = 3  # points of which one can be off the line through the others
FITS, NONE, FEW = "a line fits", "no line fits", "too few points"


@dataclass(frozen=True)
class Line:
    """log y = ``intercept`` + ``slope`` log x by least squares, of the estimate and of each draw, both (1 + draws,).

    ``scatter``: by which factor points are off the line, root mean square of logarithms. ``probability``: how often
    draws alone move points off by as much as they are; below 5 % the line does not fit.
    """

    slope: np.ndarray
    intercept: np.ndarray
    scatter: float
    probability: float
    points: int

    @property
    def verdict(self) -> str:
        """Whether a line fits."""
        if self.points < FEWEST:
            return FEW
        return FITS if self.probability > 1 - LEVEL else NONE


def line(x: np.ndarray, y: np.ndarray) -> Line:
    """The line through points (n, 1 + draws), positive numbers; in the first column the estimates.

    Each draw of x belongs to that of y. Errors of x make a slope smaller than it is; draws show how uncertain it is,
    not that. Raises ValueError if all x are the same.
    """
    x, y = np.log(x), np.log(y)
    from_mean, spread = x - x.mean(0), y - y.mean(0)
    squares = (from_mean**2).sum(0)
    if len(x) < 2 or squares.min() < 1e-20:
        raise ValueError("a line needs points at different places")
    slope = (from_mean * spread).sum(0) / squares
    residuals = spread - slope * from_mean
    off = residuals[:, 0]
    moved = residuals[:, 1:] - off[:, None]
    low, high = np.quantile(moved, [0.16, 0.84], axis=1)
    width = np.maximum((high - low) / 2, 1e-12)
    probability = np.mean(((moved / width[:, None]) ** 2).sum(0) >= ((off / width) ** 2).sum())
    return Line(
        slope, y.mean(0) - slope * x.mean(0), float(np.exp(np.sqrt(np.mean(off**2)))), float(probability), len(x)
    )
