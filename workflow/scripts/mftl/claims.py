"""What a paper claims beside what the finished tables say.

The claims are a file of their own (``resources/claims.yaml``): each has an expression that reads our number from
the points of a figure, ``results/points/<figure>.csv``. Expressions are small dictionaries:

    {curve: mftl, value: smallest, quantity: energy}      a point's error (``read``: which, by default rmse; ``group``:
                                                          of a table of groups, by default all)
    {ratio: [a, b]}, {gain: [a, b]}                       a / b; how much lower a is than b, in percent
    {highest: a}                                          the largest over the open number
    {best: a}                                             the open number at which a is lowest

``value`` is ``smallest`` or ``largest`` of the curve's open number, ``before-last``, ``lowest`` (where the error is
lowest) or a number; without it an expression is a curve over its open number.

A statement is judged in every draw of the points (``mftl.points``): it holds, or does not, if 95 % of the draws say so;
else it cannot be told apart from its contrary.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import pandas as pd
import yaml
from pydantic import Field, ValidationError

from mftl import points
from mftl.config.base import Section
from mftl.inputs import InputError

Number = int | float
Expression = dict[str, Any]
Values: TypeAlias = Any  # an array of estimate and draws (1 + draws,), or a table with a row of these for each value
UNKNOWN = "not testable"
ALL = "all"  # the group that holds all test structures
LEVELS_OFF = 0.95  # a step that leaves so much of an error is no clear improvement
OPERATIONS = ("ratio", "gain", "highest", "best")
KEYS = ("curve", "value", "quantity", "read", "group")


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
        None, description="holds if the curve falls first and its last step leaves 95 % of the error or more"
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

    ``tables``: the table of points of each figure that is there; ``scale``: its name. ``numbers`` holds what a verdict
    rests on: errors with their intervals.
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
                row["verdict"] = points.verdict(judge(reader))
            row["numbers"] = "; ".join(reader.read)
        except NotTestable as reason:
            row |= {"verdict": UNKNOWN, "numbers": str(reason)}
        rows.append(row)
    return pd.DataFrame(rows)


class _Reader:
    """Evaluates expressions on the points and remembers what it read.

    A number is an array of an estimate and its draws (1 + draws,), a curve a table with a row of these for each value.
    """

    def __init__(self, table: pd.DataFrame | None, figure: str):
        self.table, self.figure = table, figure
        self.read: list[str] = []

    def number(self, expression: Expression | Number) -> float:
        """The estimate of an expression that must be one number."""
        result = self.evaluate(expression)
        if isinstance(result, pd.DataFrame):
            raise NotTestable(f"{expression} is a curve, not a number: it needs a `value`")
        return float(np.ravel(result)[0])

    def curve(self, expression: Expression | Number) -> pd.DataFrame:
        """An expression that must be a curve."""
        result = self.evaluate(expression)
        if not isinstance(result, pd.DataFrame):
            raise NotTestable(f"{expression} is a number, not a curve: it needs no `value`")
        return result

    def evaluate(self, expression: Expression | Number) -> Values:
        """A number or a curve."""
        if not isinstance(expression, dict):
            return np.array(float(expression))
        if "ratio" in expression:
            a, b = map(self.evaluate, expression["ratio"])
            return _common(a / b)
        if "gain" in expression:
            a, b = map(self.evaluate, expression["gain"])
            return _common(100 * (1 - a / b))
        if "highest" in expression:
            return self.curve(expression["highest"]).max().to_numpy()
        if "best" in expression:
            return self.curve(expression["best"]).idxmin().to_numpy(float)
        return self._leaf(expression)

    def points(self, leaf: Expression) -> pd.DataFrame:
        """The rows of the table that an expression reads, over the open number."""
        rows, which = self.table, leaf.get("read", "rmse")
        if rows is None:
            raise NotTestable(f"{self.figure} is not in the configuration")
        asked = [("read", which), ("curve", leaf["curve"]), ("quantity", leaf["quantity"])]
        if "group" in rows or "group" in leaf:
            asked.append(("group", leaf.get("group", ALL)))
        for key, wanted in asked:
            if key not in rows:
                raise NotTestable(f"{self.figure} has no {key}s")
            rows = rows[rows[key] == wanted]
            if rows.empty:
                raise NotTestable(f"{self.figure} has no {wanted if key == 'read' else f'{key} {wanted}'}")
        return rows.set_index("value").sort_index()

    def _leaf(self, leaf: Expression) -> Values:
        rows = self.points(leaf)
        values = pd.DataFrame(points.draws(rows), index=rows.index)
        several = not (rows.index == 0).all()  # a comparison has no open number
        name = " ".join(leaf[key] for key in ("curve", "group", "quantity", "read") if key in leaf)
        if "value" not in leaf and several:
            self.read.append(f"{name}: " + ", ".join(f"{_text(row)} at {row.Index}" for row in rows.itertuples()))
            return values
        value = _pick(values[0], leaf.get("value", "smallest"), leaf)
        self.read.append(f"{name}: {_text(rows.loc[value])}" + (f" at {value}" if several else ""))
        return values.loc[value].to_numpy()


def _judge(claim: Claim) -> "Callable[[_Reader], np.ndarray] | None":
    """What says in which draws a claim is fulfilled; None if it is but a number."""
    if (less := claim.less) is not None:
        return lambda reader: _increasing([reader.evaluate(one) for one in less])
    if (similar := claim.similar) is not None:
        return lambda reader: _similar([reader.evaluate(one) for one in similar], claim.within)
    if (rises := claim.rises) is not None:
        return lambda reader: _rises(reader.curve(rises), rises)
    return None


def _increasing(values: list[Values]) -> np.ndarray:
    return _in_all([a < b for a, b in pairwise(values) if _same_points(a, b)])


def _similar(pair: list[Values], within: float) -> np.ndarray:
    a, b = pair
    ratio = _common(a / b)
    return _in_all([ratio > 1 / within, ratio < within])


def _rises(curve: pd.DataFrame, leaf: Expression) -> np.ndarray:
    """Whether a later error is below the first, and the last leaves at least 95 % of the one before it."""
    if len(curve) < 3:
        raise NotTestable(f"{leaf['curve']} has fewer than three points")
    values = curve.to_numpy()
    return (values[1:].min(0) < values[0]) & (values[-1] >= LEVELS_OFF * values[-2])


def _in_all(statements: list[Values]) -> np.ndarray:
    """The draws (1 + draws,) in which all statements are fulfilled, at all values of the curves among them."""
    fulfilled = np.ones(1 + points.DRAWS, bool)
    for one in statements:
        fulfilled &= one.all().to_numpy() if isinstance(one, pd.DataFrame) else one
    return fulfilled


def _pick(estimates: pd.Series, value: str | Number, leaf: Expression) -> Number:
    if value in ("smallest", "largest", "before-last", "lowest"):
        if value == "before-last" and len(estimates) < 2:
            raise NotTestable(f"{leaf['curve']} has but one point")
        return {"smallest": lambda: estimates.index[0], "largest": lambda: estimates.index[-1],
                "before-last": lambda: estimates.index[-2], "lowest": estimates.idxmin}[value]()  # fmt: skip
    if isinstance(value, str) or value not in estimates.index:
        raise NotTestable(f"{leaf['curve']} has no value {value}")
    return value


def _same_points(a: Values, b: Values) -> bool:
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame) and not a.index.equals(b.index):
        raise NotTestable(f"curves with different values: {list(a.index)} and {list(b.index)}")
    return True


def _common(result: Values) -> Values:
    """A result at the values that both curves have."""
    if not isinstance(result, pd.DataFrame):
        return result
    if (kept := result.dropna()).empty:
        raise NotTestable("the curves have no value in common")
    return kept


def _text(row: Any) -> str:
    return f"{row.estimate:.4g} ({row.low:.4g} to {row.high:.4g})"


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
