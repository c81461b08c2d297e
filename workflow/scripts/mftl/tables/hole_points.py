"""Shares of relaxed random structures that are holes, with intervals and draws."""

from typing import Any

import pandas as pd

from mftl import points

PERCENT = 100.0


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve and value: the ``share`` of ``holes``, in %, mean over seeds.

    A draw takes whole structures, the same in all curves, from ``tables.structure_search``.
    """
    relaxed, rows = pd.read_csv(inputs["relaxed"], keep_default_na=False), []
    for (curve, value), own in relaxed.groupby(["curve", "value"], sort=False):
        holes = (own.assign(hole=own["hole"] != "")).pivot(index="seed", columns="id", values="hole")
        taken = points.counts(holes.columns)
        shares = holes.to_numpy(float) @ taken.T / taken.sum(1)
        drawn = PERCENT * points.mean_share(shares, f"{curve} {value}")
        row = {"curve": curve, "value": value, "quantity": "holes", "unit": "%"}
        rows.append(row | points.row("share", drawn) | {"seeds": len(holes), "structures": holes.shape[1]})
    return pd.DataFrame(rows)
