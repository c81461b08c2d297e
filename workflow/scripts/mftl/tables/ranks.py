"""Ranks of curves by their errors at some values, with what draws leave open."""

from typing import Any

import numpy as np
import pandas as pd

from mftl import points

BEST, WORSE = "lowest", "worse than the lowest"


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each value, quantity, kind of error and curve.

    ``estimate``, ``low``, ``high`` of the error; ``rank``, 1 for the lowest error, with its 95 % interval ``rank_low``
    to ``rank_high``; ``apart``: whether it is worse than the lowest or cannot be told apart from it; ``alike``: all
    curves that it cannot be told apart from, since less than 95 % of the draws have one order.
    """
    rows = []
    known = points.read(inputs["points"])
    known = known[known["value"].isin(settings["values"]) & known["curve"].isin(settings["curves"])]
    for keys, own in known.groupby(["value", "quantity", "unit", "read"], sort=False):
        drawn = points.draws(own)
        ranks = 1 + drawn.argsort(0, kind="stable").argsort(0, kind="stable")
        best = int(drawn[:, 0].argmin())
        low, high = np.quantile(
            ranks[:, 1:], [(1 - points.LEVEL) / 2, (1 + points.LEVEL) / 2], axis=1, method="nearest"
        )
        names = own["curve"].tolist()
        for i, one in enumerate(own.itertuples()):
            open_ = [_alike(drawn[i], other) for other in drawn]
            row = dict(zip(("value", "quantity", "unit", "read"), keys, strict=True))
            row |= {"curve": one.curve, "estimate": one.estimate, "low": one.low, "high": one.high}
            row |= {"rank": ranks[i, 0], "rank_low": low[i], "rank_high": high[i], "seeds": one.seeds}
            row["apart"] = BEST if i == best else points.OPEN if open_[best] else WORSE
            row["alike"] = " ".join(name for k, name in enumerate(names) if k != i and open_[k])
            rows.append(row)
    return pd.DataFrame(rows)


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether draws (1 + draws,) of two errors leave open which is lower; equal ones count half."""
    share = np.mean(first[1:] < second[1:]) + np.mean(first[1:] == second[1:]) / 2
    return bool(1 - points.LEVEL < share < points.LEVEL)
