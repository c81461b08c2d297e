"""Errors of fine-tuned models on their parent's test set, over the parent's own there."""

from typing import Any

import numpy as np
import pandas as pd

from mftl import points

KEYS = ["curve", "value"]


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, value, quantity and kind of error.

    ``estimate``, ``low`` and ``high`` of the error on the curve's own test set in ``unit``; the same with ``ratio_`` of
    that on the parent's test set over the parent's, with the same structures in each draw.
    """
    rows = []
    for (quantity, read, unit), own in points.read(inputs["points"]).groupby(["quantity", "read", "unit"], sort=False):
        drawn = dict(zip(zip(own["curve"], own["value"], strict=True), points.draws(own), strict=True))
        seeds = dict(zip(zip(own["curve"], own["value"], strict=True), own["seeds"], strict=True))
        for pair in settings["pairs"]:
            here = pair["curve"], pair["value"]
            there, parent = (pair["kept"], pair["value"]), (pair["before"], pair["before_value"])
            if not {here, there, parent} <= drawn.keys():
                continue  # of labels without forces
            row = {"curve": here[0], "value": here[1], "quantity": quantity, "read": read, "unit": unit}
            ratio = drawn[there] / np.maximum(drawn[parent], 1e-12)
            for name, values in (("", drawn[here]), ("ratio_", ratio)):
                known = points.row(read, values)
                row |= {f"{name}{key}": known[key] for key in ("estimate", "low", "high")}
            rows.append(row | {"seeds": seeds[here]})
    return pd.DataFrame(rows)
