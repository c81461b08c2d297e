"""Forecasts of learning curves, and the record of how good they were: sizes held out of every curve that is known.

A record has a row for each curve, quantity, kind of error and held-out size: what was ``measured`` and predicted
(``median``, ``low``, ``high``: 80 %) from the ``fitted`` smaller sizes, and ``off``, where the measured error lies: ±1
is a bound of the interval. Intervals of new curves are widened by what the record holds (conformal prediction over
curves), and no curve is continued further than the record goes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from mftl import points
from mftl.config.curves import FEWEST
from mftl.extrapolation import LEAST_NOISE, LEVEL, Curve, Extrapolation, extrapolate
from mftl.inputs import InputError

ERRORS = ("rmse", "mae")
CURVES = 4  # different ones that a record must hold of a ratio before forecasts go so far
UNKNOWN_NOISE, UNKNOWN_FREEDOM = 0.1, 4.0  # of a curve with one seed
HALF, SURE = 0.5, 0.9  # probabilities at which labels are counted
COLUMNS = (
    "curve",
    "quantity",
    "read",
    "fitted",
    "largest",
    "size",
    "ratio",
    "measured",
    "median",
    "low",
    "high",
    "off",
)
Key = tuple[str, str, str]  # curve, quantity, kind of error


# --- curves -----------------------------------------------------------------------------------------------------------


def read_curves(tables: Iterable[str | Path], names: Iterable[str]) -> dict[Key, Curve]:
    """Curves of tables of points, each from the table that has most of it, RMSE and MAE of all quantities.

    ``names`` are those of curves whose open number is the size of the last stage.
    """
    wanted = set(names)
    found: dict[Key, Curve] = {}
    for path in tables:
        table = points.read(path)
        for key, own in table[table["read"].isin(ERRORS)].groupby(["curve", "quantity", "read"], sort=False):
            if key[0] in wanted and (key not in found or len(found[key].sizes) < len(own)):
                found[key] = of_points(own)
    return found


def of_points(table: pd.DataFrame) -> Curve:
    """The curve of some points, with what seeds leave open of them.

    That is how far the draws of each point spread about the draw's own mean over the points: what all sizes have in
    common, the test structures, says nothing about the shape. Quantiles, since Student's t of few seeds has long tails.
    """
    table = table.sort_values("value")
    logs, seeds = np.log(points.draws(table))[:, 1:], int(table["seeds"].min())
    count = len(table)
    noise, freedom = UNKNOWN_NOISE, UNKNOWN_FREEDOM
    if seeds > 1 and count > 1:
        spreads = np.diff(np.quantile(logs - logs.mean(0), [0.25, 0.75], axis=1), axis=0)[0]
        noise = float(np.sqrt(np.square(spreads).mean() * count / (count - 1)) / (2 * student.ppf(0.75, seeds - 1)))
        freedom = float(count * (seeds - 1))
    return Curve([float(one) for one in table["value"]], [float(one) for one in table["estimate"]],
                 max(noise, LEAST_NOISE), freedom)  # fmt: skip


# --- the record -------------------------------------------------------------------------------------------------------


def hold_out(curves: Mapping[Key, Curve], scratch: Mapping[str, str]) -> pd.DataFrame:
    """The record of curves: each size beyond the third, predicted from all that are smaller, and from fewer.

    ``scratch``: of a curve, the name of the one that is trained from scratch for the same.
    """
    rows = []
    for (name, quantity, read), curve in curves.items():
        other = curves.get((scratch.get(name, ""), quantity, read))
        for fitted in range(FEWEST, len(curve.sizes)):
            known = curve.until(fitted)
            base = _until(other, known.sizes[-1]) if other else None
            found = extrapolate(known, base)
            for size, measured in zip(curve.sizes[fitted:], curve.errors[fitted:], strict=True):
                low, median, high = np.exp(_quantiles(np.log(found.at([size])[:, 0])))
                above, off = measured > median, np.log(measured / median)
                rows.append((name, quantity, read, fitted, known.sizes[-1], size, size / known.sizes[-1], measured,
                             median, low, high, off / np.log(high / median if above else median / low)))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _until(curve: Curve, size: float) -> Curve | None:
    """Its points up to a size, as a pilot has them; None if they are too few."""
    count = sum(one <= size for one in curve.sizes)
    return curve.until(count) if count >= FEWEST else None


def _quantiles(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])


def read_record(path: str | Path) -> pd.DataFrame:
    """A record. Raises InputError if it is none."""
    table = pd.read_csv(path)
    if missing := [one for one in COLUMNS if one not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; a record of forecasts has {', '.join(COLUMNS)}")
    return table


def steps(record: pd.DataFrame) -> list[float]:
    """Ratios, 2, 4, 8, … up to the largest of which enough curves are known; cases count for the next one above."""
    found = []
    for ratio in 2.0 ** np.arange(1, 11):
        if _of_step(record, ratio)["curve"].nunique() < CURVES:
            break
        found.append(float(ratio))
    return found


def _of_step(record: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """The cases up to this ratio and above the one before it."""
    return record[(record["ratio"] > 0.505 * ratio) & (record["ratio"] <= 1.01 * ratio)]


def widening(record: pd.DataFrame, ratio: float) -> float:
    """By what the interval of a forecast at a ratio is multiplied: never less than 1, with what the record got wrong.

    Raises InputError if the record does not go so far.
    """
    if ratio <= 1.01:
        return 1.0
    known = steps(record)
    step = next((one for one in known if ratio <= 1.01 * one), None)
    if step is None:
        far = f"up to {known[-1]:g} times the largest size" if known else "no further than the largest size"
        raise InputError(
            f"a learning curve is to be continued to {ratio:.3g} times its largest size; valid: {far}, since of more "
            f"the record holds fewer than {CURVES} curves"
        )
    return _factor(_of_step(record, step))


def _factor(cases: pd.DataFrame) -> float:
    """The conformal quantile of how far cases were off, at least 1."""
    off = np.sort(cases["off"].abs())
    place = int(np.ceil(LEVEL * (len(off) + 1))) - 1
    return max(1.0, float(off[min(place, len(off) - 1)]))


def judged(record: pd.DataFrame) -> pd.DataFrame:
    """How good forecasts are, by ratio: of each curve with the widening that all other curves give.

    Columns: ``ratio``, ``curves``, ``cases``, ``covered`` by intervals of 80 %, ``widening`` from all curves, the
    median ``width`` (upper over lower bound), and ``bias``, the median of measured over predicted.
    """
    rows = []
    for ratio in steps(record):
        own, inside, widths = _of_step(record, ratio), [], []
        for name in own["curve"].unique():
            these, factor = own[own["curve"] == name], _factor(own[own["curve"] != name])
            inside += list(these["off"].abs() <= factor)
            widths += list((these["high"] / these["low"]) ** factor)
        rows.append(
            {"ratio": ratio, "curves": own["curve"].nunique(), "cases": len(own), "covered": float(np.mean(inside)),
             "widening": widening(record, ratio), "width": float(np.median(widths)),
             "bias": float((own["measured"] / own["median"]).median())}
        )  # fmt: skip
    return pd.DataFrame(rows)


def markdown(record: pd.DataFrame) -> str:
    """How good forecasts are, for readers."""
    lines = [
        f"Intervals of {LEVEL:.0%} of {record['curve'].nunique()} curves continued from {FEWEST} or more sizes, and "
        "what was measured there. *Covered* counts each curve with intervals widened by what all others got wrong.",
        "",
        "| times the largest size | curves | cases | covered | widened by | upper / lower bound | measured / median |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in judged(record).itertuples():
        cells = [f"{row.ratio:g}", f"{row.curves}", f"{row.cases}", f"{row.covered:.0%}", f"{row.widening:.2f}",
                 f"{row.width:.2f}", f"{row.bias:.2f}"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


# --- forecasts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Needed:
    """Labels needed for a wanted error with a probability of 50 % and of 90 %; None: more than may be told.

    ``most`` is the largest number of labels of which the record allows a forecast, ``chance`` the probability there,
    and ``floored`` in what share of curves the error never falls so far.
    """

    wanted: float
    half: int | None
    sure: int | None
    most: int
    chance: float
    floored: float

    def told(self) -> str:
        """The same in words."""
        if self.half is None:
            never = f"; in {self.floored:.0%} of the curves that fit it is never reached" if self.floored > 0 else ""
            return f"cannot be reached with {self.most} labels (chance {self.chance:.0%}){never}"
        sure = f"{self.sure} for 90 %" if self.sure else f"90 % not with {self.most} ({self.chance:.0%} there)"
        return f"{self.half} labels for 50 %, {sure}"


class Forecast:
    """Errors of a curve at other sizes, as a record allows. Raises InputError if the curve has too few sizes."""

    def __init__(self, curve: Curve, record: pd.DataFrame, scratch: Curve | None = None, seed: int = 0):
        self.curve, self.record = curve, record
        self.found: Extrapolation = extrapolate(curve, scratch, seed)
        self.most = int((steps(record) or [1.0])[-1] * curve.sizes[-1])

    def draws(self, size: float) -> np.ndarray:
        """Draws (m,) of the error at a size, widened. Raises InputError beyond what the record allows."""
        logs = np.log(self.found.at([size])[:, 0])
        median = np.median(logs)
        return np.exp(median + widening(self.record, size / self.curve.sizes[-1]) * (logs - median))

    def interval(self, size: float) -> tuple[float, float, float]:
        """Median, lower and upper bound of 80 % of the error at a size."""
        low, median, high = np.exp(_quantiles(np.log(self.draws(size))))
        return float(median), float(low), float(high)

    def needed(self, wanted: float) -> Needed:
        """Labels that a wanted error needs, in the curve's unit."""
        sizes = np.unique(np.round(np.geomspace(self.curve.sizes[0], self.most, 200)).astype(int))
        chances = np.array([float((self.draws(one) <= wanted).mean()) for one in sizes])
        first = {level: sizes[np.argmax(chances >= level)] if (chances >= level).any() else None
                 for level in (HALF, SURE)}  # fmt: skip
        half, sure = (None if one is None else int(one) for one in first.values())
        return Needed(
            wanted, half, sure, self.most, float(chances[-1]), float((self.found.draws.floor >= wanted).mean())
        )


def before(one: Forecast, other: Forecast, size: float) -> float:
    """In what share of draws one curve has the smaller error at a size; draws of the two are independent."""
    here, there = one.draws(size), other.draws(size)
    count = min(len(here), len(there))
    random = np.random.default_rng(0)
    return float((random.permutation(here)[:count] < random.permutation(there)[:count]).mean())
