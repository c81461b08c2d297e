"""What ways to train cost: CPU time of their trainings, and time for a structure that they predict."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from mftl.provenance import Records


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve and value, means over seeds.

    ``last_cpu_seconds`` of the last training, ``all_cpu_seconds`` of all trainings behind the model, from the jobs'
    records, nan where a record is missing; of a run that was interrupted they know the last part. ``model_seconds`` and
    ``low_level_seconds`` for a structure as in ``results/costs/<curve>.csv``.
    """
    records, known = Records(), {}
    for path in inputs["models"]:
        record = records.of(path)
        known[path] = record["used"]["cpu_seconds"] if record and "used" in record else np.nan
    if missing := [path for path, seconds in known.items() if np.isnan(seconds)]:
        logging.warning("no record says what %s took, and %d others", missing[0], len(missing) - 1)
    costs = {curve: pd.read_csv(path) for curve, path in zip(settings["curves"], inputs["costs"], strict=True)}
    rows = []
    for run in settings["runs"]:
        cost = costs[run["curve"]].set_index(["recipe", "seed"]).loc[(run["recipe"], run["seed"])]
        seconds = [known[path] for path in run["trainings"]]
        row = {"curve": run["curve"], "value": run["value"]}
        row |= {"last_cpu_seconds": seconds[0], "all_cpu_seconds": sum(seconds)}
        rows.append(row | {key: cost[key] for key in ("model_seconds", "low_level_seconds")})
    means = pd.DataFrame(rows).groupby(["curve", "value"], sort=False).agg(lambda one: one.mean(skipna=False))
    return means.reset_index()
