"""Points of figures with intervals: what a curve's error is at an open number, from all seeds, and draws of it.

A draw takes whole test structures with replacement (their number is a Poisson variate, the same for a structure in all
curves) and moves the mean over seeds by as much as their spread leaves open: Student's t on logarithms. Draws of two
curves belong together, so a statement about both is judged draw by draw. Points of one seed know the first kind alone.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

DRAWS = 500
LEVEL = 0.95  # of intervals, and of the draws that make a statement certain
FIFTH = 0.2  # of the squared error: a structure that carries more decides the point
HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told apart"
DRAW = "draw_{}"


def counts(ids: Iterable[str]) -> np.ndarray:
    """How often each structure is taken, (1 + draws, n): once in the first row, the estimate, then in each draw."""
    return _counts(tuple(map(str, ids)))


@lru_cache(maxsize=4)  # the points of a figure are of one test set
def _counts(ids: tuple[str, ...]) -> np.ndarray:
    taken = np.array([_generator(one).poisson(1.0, DRAWS) for one in ids]).T
    taken[taken.sum(1) == 0] = 1  # of very few structures none
    return np.concatenate([np.ones((1, taken.shape[1]), int), taken])


def mean_over_seeds(errors: np.ndarray, key: str) -> np.ndarray:
    """Geometric mean (1 + draws,) of errors (seeds, 1 + draws), its draws moved by what the seeds leave open.

    ``key`` names the point: other points are moved independently.
    """
    logarithms = np.log(np.maximum(errors, 1e-12))
    mean, seeds = logarithms.mean(0), len(errors)
    if seeds > 1:
        deviation = logarithms[:, 0].std(ddof=1) / np.sqrt(seeds)
        mean[1:] += deviation * _generator(key).standard_t(seeds - 1, DRAWS)
    return np.exp(mean)


def mean_share(shares: np.ndarray, key: str) -> np.ndarray:
    """Mean (1 + draws,) of shares (seeds, 1 + draws) between 0 and 1, its draws moved by what the seeds leave open."""
    mean, seeds = shares.mean(0), len(shares)
    if seeds > 1:
        mean[1:] += shares[:, 0].std(ddof=1) / np.sqrt(seeds) * _generator(key).standard_t(seeds - 1, DRAWS)
    return mean.clip(0, 1)


def point(squares: np.ndarray, absolutes: np.ndarray, sizes: np.ndarray, ids: Sequence[str], key: str) -> list[dict]:
    """Rows for RMSE and MAE of one point.

    ``squares``, ``absolutes`` (seeds, n): sums over a structure's ``sizes`` (n,) values, in the error's unit. ``worst``
    are the ids of the five structures that carry most of the squared error, ``worst_share`` and ``worst_five_share``
    what the first and what all of them carry. ``deviation`` and ``standard_error`` (nan of one seed) are those of the
    seeds' errors and of their mean, on these very structures.
    """
    taken = counts(ids)
    total = taken @ sizes
    carried = squares.mean(0)
    order = np.argsort(-carried, kind="stable")[:5]
    shares = carried[order] / max(carried.sum(), 1e-300)
    known: dict[str, float | str] = {"seeds": len(squares), "structures": len(sizes)}
    known |= {"worst_share": shares[0], "worst_five_share": shares.sum()}
    known |= {"worst": " ".join(str(ids[i]) for i in order)}
    values = {"rmse": np.sqrt(squares @ taken.T / total), "mae": absolutes @ taken.T / total}
    return [
        row(read, mean_over_seeds(errors, key)) | known | _of_seeds(errors[:, 0]) for read, errors in values.items()
    ]


def _of_seeds(errors: np.ndarray) -> dict[str, float]:
    deviation = float(errors.std(ddof=1)) if len(errors) > 1 else float("nan")
    return {"deviation": deviation, "standard_error": deviation / np.sqrt(len(errors))}


def row(read: str, values: np.ndarray) -> dict:
    """The estimate of a number (``read`` says which), its interval and its draws, from all (1 + draws,)."""
    low, high = interval(values)
    drawn = {DRAW.format(i): float(f"{one:.5g}") for i, one in enumerate(values[1:])}
    return {"read": read, "estimate": float(values[0]), "low": low, "high": high} | drawn


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a number, from its estimate and draws (1 + draws,)."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def draws(table: pd.DataFrame) -> np.ndarray:
    """Estimate and draws of all points of a table, (points, 1 + draws)."""
    return table[["estimate", *(DRAW.format(i) for i in range(DRAWS))]].to_numpy(float)


def verdict(fulfilled: np.ndarray) -> str:
    """Whether a statement holds, from whether each draw fulfils it (1 + draws,), the first the estimate."""
    share = fulfilled[1:].mean()
    if share >= LEVEL:
        return HOLDS
    return FAILS if share <= 1 - LEVEL else OPEN


def decided_by_one(table: pd.DataFrame) -> pd.DataFrame:
    """The points, each once, of which one structure carries more than a fifth of the squared error."""
    return table[(table["read"] == "rmse") & (table["worst_share"] > FIFTH)]


def warn(table: pd.DataFrame) -> None:
    """Say in the log which points one structure decides."""
    for one in decided_by_one(table).itertuples():
        logging.warning(
            "%s at %s: %s carries %.0f %% of the squared error in %s; look at it before you trust the RMSE",
            one.curve, one.value, one.worst.split()[0], 100 * one.worst_share, one.quantity,
        )  # fmt: skip


def read(path: str | Path) -> pd.DataFrame:
    """A table of points."""
    return pd.read_csv(path)


def _generator(key: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]))
