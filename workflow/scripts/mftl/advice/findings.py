"""What a pilot says: ways to train compared in paired draws, and continued as far as the record of forecasts allows.

Points are those of ``errors.point_table``. Ways are compared at the pilot's largest size by draws that take the same
test structures for both; at more labels by draws of their continued curves, which are independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mftl import points
from mftl.advice.pilot import Way
from mftl.forecast import Forecast, Needed, before, of_points, steps

RATIOS = (2.0, 4.0)  # of labels over those of the pilot
COLUMNS = ["kind", "curve", "label", "labels", "quantity", "unit", "error", "estimate", "low", "high", "level"]
MEASURED, FORECAST = "measured", "forecast"


@dataclass(frozen=True)
class Compared:
    """The ratio of two ways' errors with its interval of 95 %, and whether the first has the smaller error."""

    one: str
    other: str
    ratio: float
    low: float
    high: float
    verdict: str

    def told(self) -> str:
        """The ratio in words."""
        return f"{self.ratio:.2f} (95 %: {self.low:.2f} to {self.high:.2f})"


@dataclass(eq=False)
class Findings:
    """What the points of a pilot say by one kind of ``error`` (rmse or mae) of one ``quantity``.

    ``labels``: names of the ways for readers. ``record``: that of ``mftl.forecast``.
    """

    table: pd.DataFrame
    ways: Sequence[Way]
    labels: Mapping[str, str]
    record: pd.DataFrame
    quantity: str
    error: str = "rmse"

    @property
    def largest(self) -> int:
        """The pilot's largest size."""
        return int(self.table["value"].max())

    @property
    def tried(self) -> list[Way]:
        """The ways with whole curves: all but the larger architecture."""
        return [one for one in self.ways if one.kind != "larger"]

    @property
    def scratch(self) -> Way:
        """The way without another start."""
        return next(one for one in self.ways if one.kind == "scratch")

    @property
    def quantities(self) -> list[str]:
        """What the labels have: energies, forces."""
        return [one for one in ("energy", "forces") if (self.table["quantity"] == one).any()]

    @property
    def ratios(self) -> list[float]:
        """How many times the labels may be spoken of."""
        known = steps(self.record)
        return [one for one in RATIOS if known and one <= known[-1]]

    def unit(self, quantity: str) -> str:
        """The unit of errors of a quantity."""
        return str(self.table.loc[self.table["quantity"] == quantity, "unit"].iloc[0])

    def draws(self, name: str, size: int) -> np.ndarray:
        """Estimate and draws (1 + draws,) of a way's error at a size."""
        own = self._rows(name, self.quantity)
        return points.draws(own[own["value"] == size])[0]

    def compared(self, one: str, other: str) -> Compared:
        """Two ways at the largest size, draw by draw."""
        here, there = self.draws(one, self.largest), self.draws(other, self.largest)
        row = points.row("ratio", here / there)
        return Compared(one, other, row["estimate"], row["low"], row["high"], points.verdict(here < there))

    @cached_property
    def cheap(self) -> Way | None:
        """The way after pre-training with the smallest error at the largest size; None if there is no cheap level."""
        known = [one for one in self.ways if one.kind == "mftl"]
        return min(known, key=lambda one: self.draws(one.name, self.largest)[0], default=None)

    @cached_property
    def forecasts(self) -> dict[tuple[str, str], Forecast]:
        """The continued curves, by way and quantity."""
        found = {}
        for quantity in self.quantities:
            curves = {one.name: of_points(self._rows(one.name, quantity)) for one in self.tried}
            for one in self.tried:
                base = curves[self.scratch.name] if one.kind in ("mftl", "foundation") else None
                found[one.name, quantity] = Forecast(curves[one.name], self.record, base)
        return found

    @property
    def aim(self) -> int:
        """The labels at which ways are ranked: the most that may be spoken of."""
        return int((self.ratios or [1.0])[-1] * self.largest)

    @cached_property
    def ranked(self) -> list[tuple[Way, float]]:
        """Ways by their expected error at ``aim``, with the share of draws in which the first has a smaller one."""
        medians = {one.name: self.forecasts[one.name, self.quantity].interval(self.aim)[0] for one in self.tried}
        order = sorted(self.tried, key=lambda one: medians[one.name])
        best = self.forecasts[order[0].name, self.quantity]
        return [
            (one, 1.0 if one is order[0] else before(best, self.forecasts[one.name, self.quantity], self.aim))
            for one in order
        ]

    @property
    def best(self) -> Way:
        """The way that is advised."""
        return self.ranked[0][0]

    @property
    def limit(self) -> Compared | None:
        """The larger architecture beside the same way with the small one; None if it was not trained."""
        one = next((way for way in self.ways if way.kind == "larger"), None)
        return self.compared(one.name, one.of) if one and one.of else None

    def needed(self, wanted: Mapping[str, float], name: str | None = None) -> dict[str, Needed]:
        """Labels that wanted errors need, by quantity, of the way that is advised or another."""
        name = name or self.best.name
        return {key: self.forecasts[name, key].needed(value) for key, value in wanted.items() if (name, key) in
                self.forecasts}  # fmt: skip

    def numbers(self) -> pd.DataFrame:
        """All that is drawn, with ``COLUMNS``: errors of the pilot with intervals of 95 %, forecasts with 80 %."""
        rows = []
        for one in self.ways:
            for quantity in self.quantities:
                keys = (one.name, self.labels[one.name])
                known = (quantity, self.unit(quantity), self.error.upper())
                for row in self._rows(one.name, quantity).itertuples():
                    rows.append((MEASURED, *keys, row.value, *known, row.estimate, row.low, row.high, points.LEVEL))
                if one.kind == "larger":
                    continue
                for ratio in self.ratios:
                    size = int(ratio * self.largest)
                    median, low, high = self.forecasts[one.name, quantity].interval(size)
                    rows.append((FORECAST, *keys, size, *known, median, low, high, 0.8))
        return pd.DataFrame(rows, columns=COLUMNS)

    def _rows(self, name: str, quantity: str) -> pd.DataFrame:
        table = self.table
        own = table[(table["curve"] == name) & (table["quantity"] == quantity) & (table["read"] == self.error)]
        return own.sort_values("value")
