"""Whether the budget of a curve's trainings is large enough: its errors beside those with twice the budget.

It is if doubling it changes the mean validation score by less than 5 %. Where it changes more, the table says whether
the RMSE would stay within the bar that figures draw. No setting is tuned on errors on the test set.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mftl.config.training import Training
from mftl.errors import error_table, point_table
from mftl.training.progress import Progress

SMALL = 5.0  # change of the mean validation score in percent, below which a budget is large enough
ENOUGH, IN_BAR, TOO_FEW = "yes", "within the bar", "no"


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each value and quantity; ``compare``.

    ``inputs``: ``predictions`` of the curve and of the doubled one, ``cards`` of the models of both that are compared,
    and ``logs`` of trainings, whose recipes and seeds are ``trained`` of ``settings``; its ``curve`` is the name.
    """
    cards = [json.loads(Path(path).read_text(encoding="utf-8")) for path in inputs["cards"]]
    logs = dict(zip(map(tuple, settings["trained"]), map(pd.read_csv, inputs["logs"]), strict=True))
    ran = pd.DataFrame([_run(card, logs[card.get("chosen", card["recipe"]), card["seed"]]) for card in cards])
    curves = [{settings["curve"]: Path(path)} for path in inputs["predictions"]]
    once, twice = (error_table("convergence", one).merge(ran, on=["recipe", "seed"]) for one in curves)
    return compare(once, twice, point_table("convergence", curves[0]))


def compare(once: pd.DataFrame, twice: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """A row for each value and quantity, of the same seeds.

    ``once`` and ``twice``: rows of ``errors.error_table`` with the columns of ``_run``, as configured and with twice
    the budget; ``bars``: the points as configured, rows of ``errors.point_table``. RMSE and MAE are on the test set,
    each with the interval that figures draw. Of these and of the validation score: geometric means over seeds and by
    how many percent doubling changes them.
    """
    bars = bars.set_index(["value", "quantity", "read"])
    rows = []
    for (value, quantity, unit), own in once.groupby(["value", "quantity", "unit"], sort=False):
        other = twice[(twice["value"] == value) & (twice["quantity"] == quantity)]
        keys = {"curve": own["curve"].iloc[0], "recipe": own["recipe"].iloc[0], "value": value, "seeds": len(own)}
        row = keys | {"quantity": quantity, "unit": unit}
        for measure in ("rmse", "mae", "validation_score"):
            means = [float(np.exp(np.log(one[measure]).mean())) for one in (own, other)]
            row |= {measure: means[0], f"{measure}_twice": means[1]}
            row |= {f"{measure}_change_percent": 100 * (means[1] / means[0] - 1)}
            if measure != "validation_score":
                row |= {f"{measure}_{end}": bars.loc[(value, quantity, measure), end] for end in ("low", "high")}
        for name, rows_of in (("", own), ("_twice", other)):
            row |= {f"steps{name}": rows_of["steps"].mean(), f"stopped_early{name}": rows_of["stopped_early"].sum()}
        in_bar = IN_BAR if row["rmse_low"] <= row["rmse_twice"] <= row["rmse_high"] else TOO_FEW
        row["converged"] = ENOUGH if abs(row["validation_score_change_percent"]) < SMALL else in_bar
        rows.append(row)
    return pd.DataFrame(rows)


def search(log: pd.DataFrame, training: Mapping[str, Any], structures: int) -> tuple[int, bool]:
    """Steps until a training stopped looking for its best model, and whether patience stopped it before its end.

    ``log``: the epochs, with columns epoch, step and validation_score (nan where none was due), which go on where
    snapshots are wanted; ``training``: the values of the section it was trained with, on so many structures.
    """
    settings, progress = Training(**training), Progress()
    log = log[log["epoch"] <= settings.planned_epochs(structures)]
    for step, score in zip(log["step"], log["validation_score"], strict=True):
        if not np.isnan(score):
            progress.is_best(score, settings.patience)
        if progress.best_is_final:
            return int(step), True
    return int(log["step"].iloc[-1]), False


def markdown(found: pd.DataFrame, unjudged: Mapping[str, str]) -> str:
    """The table for readers, and below it the curves that have no budget, each with the reason."""
    ends = found.groupby(["curve", "value"], sort=False)["converged"]
    enough, out = (ends.agg(lambda words, word=word: (words == word).any()).sum() for word in (ENOUGH, TOO_FEW))
    lines = [
        f"The budget is large enough at {enough} of {len(ends)} ends of {found['curve'].nunique()} curves: doubling it "
        f"changes the mean validation score by less than {SMALL:g} %. At {len(ends) - enough - out} of the others the "
        f"RMSEs would stay within the bars that figures draw (95 %, over seeds and test structures), at {out} not.",
        "",
        "| curve | at | quantity | test RMSE | bar | with twice the budget | change | MAE | validation score "
        "| steps | stopped early | enough |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found.itertuples():
        cells = [
            f"`{row.curve}`",
            f"{row.value}",
            row.quantity,
            f"{row.rmse:.3g} {row.unit}",
            f"{row.rmse_low:.3g}–{row.rmse_high:.3g}",
            f"{row.rmse_twice:.3g}",
            f"{row.rmse_change_percent:+.0f} %",
            f"{row.mae_change_percent:+.0f} %",
            f"{row.validation_score_change_percent:+.1f} %",
            f"{row.steps:.0f}, {row.steps_twice:.0f}",
            f"{row.stopped_early}, {row.stopped_early_twice} of {row.seeds}",
            row.converged,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if unjudged:
        lines += ["", "Curves without a budget:", "", *(f"- `{curve}`: {why}" for curve, why in unjudged.items())]
    return "\n".join(lines) + "\n"


def _run(card: Mapping[str, Any], log: pd.DataFrame) -> dict[str, Any]:
    """What became of the training that a card is of."""
    steps, stopped = search(log, card["training"], len(card["training_ids"]))
    keys = {"recipe": card["recipe"], "seed": card["seed"]}
    score = card["validation"]["validation_score"]
    return keys | {"validation_score": score, "steps": steps, "stopped_early": stopped}
