"""Labels that curves save against others at equal error, with what draws leave open."""

from typing import Any

import numpy as np
import pandas as pd

from mftl import points
from mftl.equal_error import judged, ratios

ALL = "all"


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each pair of curves, quantity, kind of error and ``size`` of the curve, and one for ``all`` its sizes.

    ``error``: the curve's at that size; ``against_size``: how many labels the other curve needs for it.
    ``saved_percent`` with its 95 % interval, ``bound``, ``low_open``, ``high_open`` and ``verdict``: those of
    ``mftl.equal_error.judged``.
    """
    rows = []
    for keys, own in points.read(inputs["points"]).groupby(["quantity", "unit", "read"], sort=False):
        curves = {name: one.sort_values("value") for name, one in own.groupby("curve", sort=False)}
        for pair in settings["pairs"]:
            if pair["curve"] not in curves or pair["against"] not in curves:
                continue  # of labels without forces
            about = pair | dict(zip(("quantity", "unit", "read"), keys, strict=True))
            rows += [about | row for row in _rows(curves[pair["curve"]], curves[pair["against"]])]
    return pd.DataFrame(rows)


def _rows(own: pd.DataFrame, other: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of one pair, from its points."""
    sizes = own["value"].to_numpy(float)
    logs, beyond = ratios(sizes, points.draws(own), other["value"].to_numpy(float), points.draws(other))
    seeds = {"seeds": int(own["seeds"].min()), "against_seeds": int(other["seeds"].min())}
    rows: list[dict[str, Any]] = []
    for i, point in enumerate(own.itertuples()):
        needed = np.exp(logs[i, 0]) * point.value
        place = {"size": point.value, "error": point.estimate, "against_size": needed}
        rows.append(place | judged(logs[[i]], beyond[[i]]) | seeds)
    return [*rows, {"size": ALL} | judged(logs, beyond) | seeds]
