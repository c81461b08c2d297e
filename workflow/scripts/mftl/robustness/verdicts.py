"""What tables of tests come to: for each question what was measured, and whether it passes.

Intervals are of 95 %. A number passes a limit if its whole interval does, fails if none of it does, and else cannot be
told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mftl.holes import CLOSE
from mftl.robustness.questions import DIMERS, FORGETTING, SEARCH, SIMULATION
from mftl.stability import wilson

PASSES, FAILS, OPEN, NOT_ASKED = "passes", "fails", "cannot be told", "not asked"
Z = 1.96  # 95 %
COLUMNS = ["question", "what", "estimate", "low", "high", "count", "seeds", "limit", "verdict"]
QUANTITIES = {"forces": "force RMSE", "energy": "energy RMSE", "stress": "stress RMSE"}


@dataclass(frozen=True)
class Answer:
    """One question's: ``verdict``, the ``criterion`` for passing, and in ``said`` what was measured, in words.

    ``rows``: all that was measured, with columns of ``COLUMNS``; ``count``: of structures or simulations of all seeds.
    """

    question: str
    verdict: str
    criterion: str = ""
    said: str = ""
    rows: tuple[Mapping[str, Any], ...] = ()

    def table(self) -> pd.DataFrame:
        """The rows, or one that says that there are none."""
        rows = self.rows or ({"what": self.said, "verdict": self.verdict},)
        return pd.DataFrame([{"question": self.question, **row} for row in rows], columns=COLUMNS)


def answers(inputs: Mapping[str, str], settings: Mapping[str, Any]) -> list[Answer]:
    """All questions with answers; ``inputs``: tables of those that are asked, ``settings`` of ``plan.robustness``."""
    limits = settings["limits"]
    known = {
        FORGETTING: lambda table: forgetting(
            table, limits["forgotten"], settings["learned"], settings["same_structures"]
        ),
        DIMERS: dimers,
        SEARCH: lambda table: search(table, limits["holes"]),
        SIMULATION: lambda table: simulation(table, limits["stable"]),
    }
    found = []
    for question, judge in known.items():
        if reason := settings["not_asked"].get(question):
            found.append(Answer(question, NOT_ASKED, said=reason))
        else:
            found.append(judge(read(inputs[question.replace("-", "_")])))
    return found


def read(path: str | Path) -> pd.DataFrame:
    """A table of a test."""
    return pd.read_csv(path)


def percent(share: float) -> str:
    """A share in words, the smallest ones to a tenth of a percent."""
    return f"{100 * share:.2g} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"


def at_most(low: float, high: float, limit: float) -> str:
    """Whether a number with an interval is not above a limit."""
    return PASSES if high <= limit else FAILS if low > limit else OPEN


def at_least(low: float, high: float, limit: float) -> str:
    """Whether a number with an interval is not below a limit."""
    return PASSES if low >= limit else FAILS if high < limit else OPEN


def forgetting(table: pd.DataFrame, limit: float, learned: str, same_structures: bool) -> Answer:
    """Errors on what the parent learned over the parent's own; ``table`` of ``tables.forgetting``.

    Forces decide, or energies where labels have no forces. ``same_structures``: the parent learned another level of the
    structures that fine-tuning is about; then a large ratio may be what fine-tuning is for, and is no failure.
    """
    table = table[table["read"] == "rmse"].set_index("quantity")
    deciding = "forces" if "forces" in table.index else "energy"
    rows: dict[str, dict[str, Any]] = {}
    for quantity, row in table.iterrows():
        verdict = at_most(row["ratio_low"], row["ratio_high"], limit)
        if same_structures and verdict == FAILS:
            verdict = OPEN
        measured = {key: row[f"ratio_{key}"] for key in ("estimate", "low", "high")}
        what = f"{QUANTITIES[str(quantity)]} on {learned} over the parent's"
        rows[str(quantity)] = {"what": what, **measured, "seeds": row["seeds"], "limit": limit, "verdict": verdict}
    own, error, kind = rows[deciding], table.loc[deciding], QUANTITIES[deciding]
    said = (
        f"{kind} on {learned} {_interval(own, '{:.3g}'.format)} times the parent's: "
        f"{error['estimate']:.3g} {error['unit']}"
    )
    if same_structures and own["low"] > limit:
        said += "; it has left a level of the same structures, as fine-tuning is to do"
    criterion = f"on the test set of what the parent learned the {kind} is at most {limit:g} times the parent's"
    return Answer(FORGETTING, own["verdict"], criterion, said, tuple(rows.values()))


def dimers(table: pd.DataFrame) -> Answer:
    """Whether two atoms fall into each other; ``table`` of ``tables.dimers``.

    It passes if no pair has its lowest energy within half the sum of the covalent radii with any seed, and fails if
    each seed has such a pair.
    """
    first = table.groupby(["pair", "seed"], sort=False).first().reset_index()
    first["hole"] = first["hole"].astype(bool) | first["lowest_A"].isna()  # or the energies are no numbers
    rows, fallen = [], []
    for pair, own in first.groupby("pair", sort=False):
        lowest, bad = own["lowest_A"] / own["radii_A"], int(own["hole"].sum())
        verdict = PASSES if not bad else FAILS if bad == len(own) else OPEN
        measured = {"estimate": lowest.mean(), "low": lowest.min(), "high": lowest.max()}
        what = f"{pair}: distance of the lowest energy over the sum of radii"
        rows.append({"what": what, **measured, "seeds": len(own), "limit": CLOSE, "verdict": verdict})
        if bad:
            fallen.append(f"{pair} ({bad} of {len(own)} seeds)" if len(own) > 1 else str(pair))
    by_seed = first.groupby("seed")["hole"].any()
    verdict = PASSES if not by_seed.any() else FAILS if by_seed.all() else OPEN
    said = f"none of {len(rows)} pairs" if not fallen else f"{len(fallen)} of {len(rows)} pairs: {', '.join(fallen)}"
    said += " has its lowest energy there" if len(fallen) < 2 else " have their lowest energy there"
    criterion = f"no pair of atoms has its lowest energy within {CLOSE:g} times the sum of their covalent radii"
    return Answer(DIMERS, verdict, criterion, said, tuple(rows))


def search(table: pd.DataFrame, limit: float) -> Answer:
    """The share of random structures that are holes once relaxed; ``table`` of ``tables.structure_search``.

    Seeds relax the same structures, so intervals are those of one model's structures.
    """
    table = table.assign(bad=table["hole"].fillna("") != "")
    rows = []
    for what, own in [("all", table), *table.groupby("composition", sort=False)]:
        seeds = own["seed"].nunique()
        rows.append(_share(f"holes of {what}", own["bad"], len(own) // seeds, seeds))
    rows[0] |= {"limit": limit, "verdict": at_most(rows[0]["low"], rows[0]["high"], limit)}
    own, seeds = rows[0], table.groupby("seed")["bad"].mean()
    said = f"{_interval(own, percent)} of {own['count'] // own['seeds']} structures are holes"
    said += _spread(seeds)
    kinds = table.loc[table["bad"], "hole"].value_counts()
    if len(kinds):
        said += f"; by criterion: {', '.join(f'{kind} {count}' for kind, count in kinds.items())}"
    if unfinished := (table["state"] == "unfinished").mean():
        said += f"; {percent(unfinished)} were not relaxed at the last step"
    return Answer(
        SEARCH, own["verdict"], f"at most {percent(limit)} of relaxed random structures are holes", said, tuple(rows)
    )


def simulation(table: pd.DataFrame, limit: float) -> Answer:
    """The share of simulations that are stable to their end; ``table`` of ``tables.simulations``."""
    good = table["failed_ps"].isna()
    own = _share("stable simulations", good, len(table), table["seed"].nunique())
    own |= {"limit": limit, "verdict": at_least(own["low"], own["high"], limit)}
    rows, shares = [own], good.groupby(table["seed"]).mean()
    if len(shares) > 1:
        for seed, part in table.groupby("seed", sort=False):
            rows.append(_share(f"stable simulations of seed {seed}", part["failed_ps"].isna(), len(part), 1))
    said = f"{_interval(own, percent)} of {len(table)} simulations are stable for {table['length_ps'].iloc[0]:g} ps"
    said += _spread(shares)
    if not good.all():
        reasons = table.loc[~good, "reason"].value_counts()
        said += f"; others end by: {', '.join(f'{reason} {count}' for reason, count in reasons.items())}"
        said += f"; the first after {table['failed_ps'].min():.3g} ps"
    criterion = f"at least {percent(limit)} of hot simulations are stable to the end"
    return Answer(SIMULATION, own["verdict"], criterion, said, tuple(rows))


def _share(what: str, is_so: pd.Series, count: int, seeds: int) -> dict[str, Any]:
    """A share with Wilson's interval for ``count`` structures or simulations."""
    share = float(is_so.mean())
    low, high = wilson(share * count, count, Z)
    return {
        "what": what,
        "estimate": share,
        "low": max(low, 0.0),
        "high": min(high, 1.0),
        "count": len(is_so),
        "seeds": seeds,
    }


def _interval(row: Mapping[str, Any], written: Callable[[float], str]) -> str:
    """An estimate with its interval, in words."""
    estimate, low, high = (written(row[key]) for key in ("estimate", "low", "high"))
    return f"{estimate} (95 %: {low} to {high})"


def _spread(shares: pd.Series) -> str:
    """The shares of single seeds, in words; nothing of one seed."""
    return f" (seeds: {', '.join(map(percent, shares))})" if len(shares) > 1 else ""
