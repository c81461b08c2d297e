"""Errors against uncertainties in bins, and how well calibrated they are."""

from typing import Any

import pandas as pd

from mftl import calibration, points

KEYS = ["curve", "value", "estimate", "models", "quantity", "unit"]


def read(paths: list[str]) -> pd.DataFrame:
    """Tables of values, one below the other; ``scaled``: their sigmas, scaled on the other half of the structures."""
    values = pd.concat([pd.read_csv(path, dtype={"id": str}) for path in paths], ignore_index=True)
    for _, own in values.groupby(KEYS, sort=False):
        found = calibration.scaled(own["error"].to_numpy(), own["sigma"].to_numpy(), own["id"].tolist())
        values.loc[own.index, "scaled"] = found
    return values


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, value, estimate, quantity and ``bin`` of the scaled sigmas; ``calibration.binned``.

    Sigmas are scaled on one half of the test structures and judged on the other, and the other way round. In all rows
    of a quantity: ``structures``; ``covered_68``, ``covered_95`` with the ends ``_low`` and ``_high`` of their 95 %
    intervals; of ``calibration.judge`` the mean of both halves, and ``scale_1``, ``scale_2``.
    """
    rows = []
    for keys, own in read(inputs["values"]).groupby(KEYS, sort=False):
        errors, sigmas = own["error"].to_numpy(float), own["sigma"].to_numpy(float)
        owners = own["id"].tolist()
        judged = calibration.judge(errors, sigmas, owners)
        known = dict(zip(KEYS, keys, strict=True)) | {"structures": own["id"].nunique()}
        for level, drawn in calibration.coverage(errors, sigmas, owners).items():
            name = f"covered_{100 * level:.0f}"
            low, high = points.interval(drawn)
            known |= {name: drawn[0], f"{name}_low": low, f"{name}_high": high}
        known |= {f"scale_{i}": one for i, one in enumerate(judged["scale"], 1)}
        rest = judged.drop(columns=["structures", "scale", *known], errors="ignore").mean()
        bins = calibration.binned(errors, own["scaled"].to_numpy(), settings["bins"], owners)
        rows.append(bins.assign(bin=range(1, len(bins) + 1), **known, **rest))
    table = pd.concat(rows, ignore_index=True)
    first = [*KEYS, "bin"]
    return table[[*first, *(name for name in table if name not in first)]]
