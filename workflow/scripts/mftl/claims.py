"""What a paper claims beside what the finished tables say.

The claims are a file of their own (``resources/claims.yaml``): each has an expression that reads our number from
the table ``results/errors/<figure>.csv``. Expressions are small dictionaries:

    {curve: mftl, value: smallest, quantity: energy}      mean over seeds of a column (``read``, by default rmse)
    {ratio: [a, b]}, {gain: [a, b]}                       a / b; how much lower a is than b, in percent
    {highest: a}                                          the largest over the open number
    {best: a}                                             the open number at which a is lowest

``value`` is ``smallest`` or ``largest`` of the curve's open number, ``before-last``, ``lowest`` (where the error is
lowest) or a number; without it an expression is a curve over its open number.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import yaml
from pydantic import Field, ValidationError

from mftl.config.base import Section
from mftl.inputs import InputError

Number = int | float
Expression = dict[str, Any]
HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "not testable"
OPERATIONS = ("ratio", "gain", "highest", "best")
KEYS = ("curve", "value", "quantity", "read")


class NotTestable(Exception):
    """A table, a curve or a value that a claim needs is not there."""


class Claim(Section):
    """One claim of a paper, a number or a statement about the order of numbers."""

    id: str = Field(description="name of the claim")
    figure: str = Field(description="the figure whose table is read")
    where: str = Field(description="where the paper says it")
    claim: str = Field(description="what it says")
    unit: str = Field("", description="of the paper's value and ours")
    paper: Annotated[Number | None, Field(description="the paper's value, if it gives one")] = None
    ours: Expression | None = Field(None, description="how ours is read")
    less: list[Expression | Number] | None = Field(None, description="holds if each is smaller than the next")
    similar: list[Expression] | None = Field(None, description="holds if two differ by less than a factor `within`")
    within: float = Field(1.25, gt=1, description="the factor of `similar`")
    rises: Expression | None = Field(
        None, description="holds if the curve falls first and its last step is no clear improvement any more"
    )

    @property
    def judged(self) -> bool:
        """Whether it says something of an order or a shape, not only a number."""
        return not (self.less is None and self.similar is None and self.rises is None)


def read_claims(path: str | Path) -> list[Claim]:
    """Claims of a file. Raises InputError naming the claim and what is wrong with it."""
    claims = []
    for i, values in enumerate(yaml.safe_load(Path(path).read_text(encoding="utf-8"))):
        try:
            claim = Claim.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{path}: claim {values.get('id', i)}: {where}: {first['msg']}") from None
        for expression in _expressions(claim):
            _check(path, claim, expression)
        claims.append(claim)
    ids = [claim.id for claim in claims]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise InputError(f"{path}: two claims have the same id {', '.join(sorted(twice))}")
    return claims


def compare(claims: list[Claim], tables: dict[str, pd.DataFrame], scale: str) -> pd.DataFrame:
    """A row for each claim: the paper's value, ours, their ratio, and whether what is said of an order or shape holds.

    ``tables``: the tidy table of errors of each figure that is there; ``scale``: its name. ``numbers`` holds what a
    verdict rests on: means and standard deviations over seeds.
    """
    rows = []
    for claim in claims:
        row: dict[str, Any] = {
            "id": claim.id, "figure": claim.figure, "where": claim.where, "claim": claim.claim, "paper": claim.paper,
            "ours": None, "unit": claim.unit, "scale": scale, "ratio": None, "verdict": "", "numbers": "",
        }  # fmt: skip
        reader = _Reader(tables.get(claim.figure), claim.figure)
        try:
            if claim.ours is not None:
                row["ours"] = reader.number(claim.ours)
                row["ratio"] = row["ours"] / claim.paper if claim.paper else None
            if judge := _judge(claim):
                row["verdict"] = HOLDS if judge(reader) else FAILS
            row["numbers"] = "; ".join(reader.read)
        except NotTestable as reason:
            row |= {"verdict": UNKNOWN, "numbers": str(reason)}
        rows.append(row)
    return pd.DataFrame(rows)


class _Reader:
    """Evaluates expressions on the tables and remembers what it read."""

    def __init__(self, table: pd.DataFrame | None, figure: str):
        self.table, self.figure = table, figure
        self.read: list[str] = []

    def number(self, expression: Expression | Number) -> float:
        """An expression that must be one number."""
        result = self.evaluate(expression)
        if isinstance(result, pd.Series):
            raise NotTestable(f"{expression} is a curve, not a number: it needs a `value`")
        return float(result)

    def curve(self, expression: Expression | Number) -> pd.Series:
        """An expression that must be a series over a curve's open number."""
        result = self.evaluate(expression)
        if not isinstance(result, pd.Series):
            raise NotTestable(f"{expression} is a number, not a curve: it needs no `value`")
        return result

    def evaluate(self, expression: Expression | Number) -> "pd.Series | float":
        """A number, or a series over a curve's open number."""
        if not isinstance(expression, dict):
            return expression
        if "ratio" in expression:
            a, b = map(self.evaluate, expression["ratio"])
            return _common(a / b)
        if "gain" in expression:
            a, b = map(self.evaluate, expression["gain"])
            return _common(100 * (1 - a / b))
        if "highest" in expression:
            return float(self.curve(expression["highest"]).max())
        if "best" in expression:
            return float(self.curve(expression["best"]).idxmin())
        return self._leaf(expression)

    def means(self, leaf: Expression) -> pd.DataFrame:
        """Mean, standard deviation and number of seeds over the open number."""
        rows, column = self.table, leaf.get("read", "rmse")
        if rows is None:
            raise NotTestable(f"{self.figure} is not in the configuration")
        if column not in rows:
            raise NotTestable(f"{self.figure} has no {column}")
        for key in ("curve", "quantity"):
            rows = rows[rows[key] == leaf[key]]
            if rows.empty:
                raise NotTestable(f"{self.figure} has no {key} {leaf[key]}")
        if "value" not in rows:  # a comparison has no open number
            rows = rows.assign(value=1)
        return rows.groupby("value")[column].agg(["mean", "std", "count"]).sort_index()

    def _leaf(self, leaf: Expression) -> "pd.Series | float":
        table, open_number = self.means(leaf), self.table is not None and "value" in self.table
        name = f"{leaf['curve']} {leaf['quantity']}" + (f" {leaf['read']}" if "read" in leaf else "")
        if "value" not in leaf and open_number:
            self.read.append(f"{name}: " + ", ".join(f"{_text(row)} at {value}" for value, row in table.iterrows()))
            return table["mean"]
        value = _pick(table, leaf.get("value", "smallest"), leaf)
        at = f" at {value}" if open_number else ""
        self.read.append(f"{name}: {_text(table.loc[value])}{at}")
        return float(table.loc[value, "mean"])


def _judge(claim: Claim) -> "Callable[[_Reader], bool] | None":
    """What decides whether a claim holds; None if it is but a number."""
    if (less := claim.less) is not None:
        return lambda reader: _increasing([reader.evaluate(one) for one in less])
    if (similar := claim.similar) is not None:
        return lambda reader: _similar([reader.evaluate(one) for one in similar], claim.within)
    if (rises := claim.rises) is not None:
        return lambda reader: _rises(reader, rises)
    return None


def _increasing(values: list["pd.Series | float"]) -> bool:
    return all(bool(np.all(a < b)) for a, b in pairwise(values) if _same_points(a, b))


def _similar(pair: list["pd.Series | float"], within: float) -> bool:
    a, b = pair
    ratio = _common(a / b)
    return bool(np.all((ratio > 1 / within) & (ratio < within)))


def _rises(reader: _Reader, leaf: Expression) -> bool:
    """Whether the first error is clearly above the lowest, and the last is not clearly below the one before it.

    Clearly: by more than twice the standard error of the difference over seeds.
    """
    table = reader.means(leaf)
    reader.evaluate(leaf)
    if len(table) < 3:
        raise NotTestable(f"{leaf['curve']} has fewer than three points")
    variance = (table["std"].fillna(0.0) ** 2 / table["count"]).to_numpy()
    mean = table["mean"].to_numpy()
    lowest = int(mean.argmin())
    falls = mean[0] - mean[lowest] > 2 * np.sqrt(variance[0] + variance[lowest])
    stops = mean[-2] - mean[-1] <= 2 * np.sqrt(variance[-2] + variance[-1])
    return bool(falls and stops)


def _pick(table: pd.DataFrame, value: str | Number, leaf: Expression) -> Number:
    if value in ("smallest", "largest", "before-last", "lowest"):
        if value == "before-last" and len(table) < 2:
            raise NotTestable(f"{leaf['curve']} has but one point")
        return {"smallest": lambda: table.index[0], "largest": lambda: table.index[-1],
                "before-last": lambda: table.index[-2], "lowest": lambda: table["mean"].idxmin()}[value]()  # fmt: skip
    if isinstance(value, str) or value not in table.index:
        raise NotTestable(f"{leaf['curve']} has no value {value}")
    return value


def _same_points(a: "pd.Series | float", b: "pd.Series | float") -> bool:
    if isinstance(a, pd.Series) and isinstance(b, pd.Series) and not a.index.equals(b.index):
        raise NotTestable(f"curves with different values: {list(a.index)} and {list(b.index)}")
    return True


def _common(result: "pd.Series | float") -> "pd.Series | float":
    """A result at the values that both curves have."""
    if not isinstance(result, pd.Series):
        return result
    if (kept := result.dropna()).empty:
        raise NotTestable("the curves have no value in common")
    return kept


def _text(row: pd.Series) -> str:
    spread = f" ± {row['std']:.3g}" if row["count"] > 1 else ""
    return f"{row['mean']:.4g}{spread}"


def _expressions(claim: Claim) -> list[Expression]:
    found = [*(claim.less or []), *(claim.similar or []), claim.ours, claim.rises]
    return [one for one in found if isinstance(one, dict)]


def _leaves(expression: Expression) -> list[Expression]:
    for operation in OPERATIONS:
        if operation in expression:
            inner = expression[operation]
            return [leaf for one in (inner if isinstance(inner, list) else [inner]) for leaf in _leaves(one)]
    return [expression] if isinstance(expression, dict) else []


def _check(path: str | Path, claim: Claim, expression: Expression) -> None:
    for leaf in _leaves(expression):
        unknown = set(leaf) - set(KEYS)
        if unknown or not {"curve", "quantity"} <= set(leaf):
            what = f"unknown {', '.join(sorted(unknown))}" if unknown else "needs curve and quantity"
            raise InputError(
                f"{path}: claim {claim.id}: {leaf}: {what}; an expression is {', '.join(OPERATIONS)} of others, "
                f"or has the keys {', '.join(KEYS)}"
            )
