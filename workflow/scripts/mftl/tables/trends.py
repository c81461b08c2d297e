"""Lines through errors after fine-tuning against errors before it, on logarithmic axes."""

from typing import Any

import numpy as np
import pandas as pd

from mftl import points
from mftl.trends import FEW, FEWEST, line

ALL = "(all)"
ENDS = (("curve", "value"), ("before", "before_value"))


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each quantity, kind of error and group: all points, and each curve with three points or more.

    ``slope`` with its 95 % interval (``low``, ``high``), ``intercept``, ``scatter``, ``probability`` and ``verdict`` of
    ``mftl.trends``; nan and "too few points" where there are fewer than two different ones.
    """
    pairs = pd.DataFrame(settings["pairs"])
    found = []
    for (quantity, read), own in points.read(inputs["points"]).groupby(["quantity", "read"], sort=False):
        known = own.set_index(["curve", "value"])
        drawn = dict(zip(known.index, points.draws(known), strict=True))
        ends = [list(zip(pairs[one], pairs[value], strict=True)) for one, value in ENDS]
        if not all(key in drawn for end in ends for key in end):
            continue  # of labels without forces
        after, before = (np.array([drawn[key] for key in end]) for end in ends)
        groups = {ALL: np.ones(len(pairs), bool)} | {name: (pairs["curve"] == name) for name in pairs["curve"].unique()}
        for name, members in groups.items():
            chosen = np.asarray(members)
            if name == ALL or chosen.sum() >= FEWEST:
                row = {"quantity": quantity, "read": read, "group": name, "points": chosen.sum()}
                found.append(row | _fitted(before[chosen], after[chosen]))
    return pd.DataFrame(found)


def _fitted(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    try:
        fit = line(before, after)
    except ValueError:
        empty = dict.fromkeys(("slope", "low", "high", "intercept", "scatter", "probability"), np.nan)
        return empty | {"verdict": FEW}
    slope = points.row("slope", fit.slope)
    return {
        "slope": slope["estimate"],
        "low": slope["low"],
        "high": slope["high"],
        "intercept": fit.intercept[0],
        "scatter": fit.scatter,
        "probability": fit.probability,
        "verdict": fit.verdict,
    }
