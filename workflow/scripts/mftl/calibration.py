"""Are errors as large as a model says? Scales and quantiles that make them so, and how well that holds.

``errors`` and ``sigmas`` (n,) are those of n values, such as energies of structures or components of forces, with the
``owners`` (n,) they belong to: their structures. All is calibrated on one half of the structures and judged on the
other, then the other way round: a validation set that chose the model would flatter it.

Sources: scale of a committee, arXiv:2011.08828; conformal quantiles, arXiv:2107.07511; what to report, arXiv:2402.10043
and 10.1186/s13321-023-00790-0.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm, spearmanr

from mftl import points
from mftl.inputs import InputError

LEVELS = (0.68, 0.95)
MEMBERS = 5  # of a committee whose scale can be told from the mean of squares
BINS = 10


def scale(errors: np.ndarray, sigmas: np.ndarray, robust: bool = False) -> float:
    """The factor α by which the sigmas must be multiplied: √⟨(e/σ)²⟩, or √(π/2) ⟨|e|/σ⟩, which outliers move less."""
    off = np.abs(errors) / sigmas
    return float(np.sqrt(np.pi / 2) * off.mean()) if robust else float(np.sqrt((off**2).mean()))


def committee_scale(errors: np.ndarray, deviations: np.ndarray, members: int) -> float:
    """The same for the standard deviations (ddof 1) of a committee's predictions about their mean.

    α² = −1/M + (M − 3)/(M − 1) ⟨(e/s)²⟩; the mean of squares does not exist for three members.
    Raises InputError for fewer than ``MEMBERS``.
    """
    if members < MEMBERS:
        raise InputError(
            f"a committee of {members} models: their spread is too uncertain for a scale; valid: at least {MEMBERS}, "
            "or conformal quantiles of |error| over spread"
        )
    square = ((errors / deviations) ** 2).mean()
    return float(np.sqrt(max((members - 3) / (members - 1) * square - 1 / members, 0.0)))


def of_committee(means: np.ndarray, sigmas: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sigma (n,) of a committee's predictions (M, n): their spread, and with it the members' own sigmas."""
    deviations = means.std(axis=0, ddof=1)
    if sigmas is None:
        return means.mean(0), deviations
    return means.mean(0), np.sqrt(deviations**2 + (sigmas**2).mean(0))


def conformal(errors: np.ndarray, sigmas: np.ndarray, level: float) -> float:
    """What |error| over sigma of a new value exceeds with a probability of at most 1 − ``level``.

    It holds exactly for values that are alike and independent, of which components of one structure's forces are not.
    Raises InputError if there are too few: of n values none may lie beyond the n/(n + 1) quantile.
    """
    off = np.sort(np.abs(errors) / sigmas)
    place = int(np.ceil((len(off) + 1) * level - 1e-9))
    if place > len(off):
        least = int(np.ceil(level / (1 - level) - 1e-9))
        raise InputError(f"a quantile of {level:.0%} from {len(off)} values; valid: at least {least}")
    return float(off[place - 1])


def half(owners: Sequence[str]) -> np.ndarray:
    """In which half of the structures each value is, (n,) of bool, by a hash of the structure's id."""
    taken = {one: hashlib.sha256(f"half {one}".encode()).digest() for one in dict.fromkeys(map(str, owners))}
    first = set(sorted(taken, key=taken.__getitem__)[: len(taken) // 2])
    return np.array([str(one) in first for one in owners])


def scaled(errors: np.ndarray, sigmas: np.ndarray, owners: Sequence[str]) -> np.ndarray:
    """Sigmas (n,) times the scale that the other half of the structures gives, which outliers hardly move."""
    first = half(owners)
    of_first, of_second = (scale(errors[part], sigmas[part], robust=True) for part in (first, ~first))
    return sigmas * np.where(first, of_second, of_first)


def coverage(errors: np.ndarray, sigmas: np.ndarray, owners: Sequence[str]) -> dict[float, np.ndarray]:
    """By level the share of errors within ± a normal distribution's bounds, with its draws, (1 + draws,).

    The halves are calibrated on each other. A draw takes whole structures (``mftl.points``), and scales anew.
    """
    ids, of = np.unique([str(one) for one in owners], return_inverse=True)
    taken, first, off = points.counts(ids), half(ids.tolist()), np.abs(errors) / sigmas
    sums, sizes = np.bincount(of, off), np.bincount(of)
    scales = [np.sqrt(np.pi / 2) * (taken @ (part * sums)) / np.maximum(taken @ (part * sizes), 1)
              for part in (first, ~first)]  # fmt: skip
    found = {level: np.empty(len(taken)) for level in LEVELS}
    for i, (own, of_first, of_second) in enumerate(zip(taken, *scales, strict=True)):
        bounds = np.where(first, of_second, of_first)[of]
        for level in LEVELS:
            within = np.bincount(of, off <= norm.ppf((1 + level) / 2) * bounds, len(ids))
            found[level][i] = own @ within / (own @ sizes)
    return found


def judge(errors: np.ndarray, sigmas: np.ndarray, owners: Sequence[str]) -> pd.DataFrame:
    """How well calibrated sigmas describe errors: a row for each half that is judged, calibrated on the other.

    Columns: ``structures`` judged; ``scale`` α of the other half, which outliers hardly move; ``square`` ⟨(e/ασ)²⟩, 1
    without outliers; ``covered_68`` and ``covered_95`` by ± a normal distribution's bounds and ``width_68``,
    ``width_95``, their mean widths; ``conformal_68`` and ``conformal_95``, the same by quantiles of the other half;
    ``likelihood``, the mean negative logarithm, and ``likelihood_known``, that of errors that were drawn from the
    sigmas; ``rank``, Spearman's correlation of |e| and σ, and ``rank_known`` likewise.
    Raises InputError if a half has too few structures.
    """
    first, rows = half(owners), []
    names = np.array([str(one) for one in owners])
    for judged in (first, ~first):
        other = ~judged
        factor = scale(errors[other], sigmas[other], robust=True)
        own, error = factor * sigmas[judged], errors[judged]
        drawn = own * np.random.default_rng(0).standard_normal(len(own))
        row = {"structures": len(set(names[judged])), "scale": factor, "square": float(((error / own) ** 2).mean())}
        for level in LEVELS:
            name, bound = f"{level:.0%}".removesuffix("%"), norm.ppf((1 + level) / 2)
            quantile = conformal(errors[other], sigmas[other], level)
            row |= {
                f"covered_{name}": float((np.abs(error) <= bound * own).mean()),
                f"width_{name}": float((2 * bound * own).mean()),
                f"conformal_{name}": float((np.abs(error) <= quantile * sigmas[judged]).mean()),
            }
        for name, values in (("", error), ("_known", drawn)):
            row[f"likelihood{name}"] = float(-norm.logpdf(values, scale=own).mean())
            row[f"rank{name}"] = float(spearmanr(np.abs(values), own).statistic)
        rows.append(row)
    return pd.DataFrame(rows)


def binned(errors: np.ndarray, sigmas: np.ndarray, bins: int = BINS, owners: Sequence[str] = ()) -> pd.DataFrame:
    """Errors against sigmas in bins of equal counts.

    Columns: the mean ``sigma`` (root of squares), ``rmse``, ``median`` of |error|, ``count``; given the ``owners``,
    also the 95 % interval ``low`` to ``high`` of the RMSE over draws of whole structures (``mftl.points``).
    """
    parts = np.array_split(np.argsort(sigmas, kind="stable"), min(bins, len(sigmas)))
    found = pd.DataFrame(
        {
            "sigma": [float(np.sqrt((sigmas[part] ** 2).mean())) for part in parts],
            "rmse": [float(np.sqrt((errors[part] ** 2).mean())) for part in parts],
            "median": [float(np.median(np.abs(errors[part]))) for part in parts],
            "count": [len(part) for part in parts],
        }
    )
    if len(owners):
        ids, of = np.unique([str(one) for one in owners], return_inverse=True)
        taken, ends = points.counts(ids), []
        for part in parts:
            squares = taken @ np.bincount(of[part], errors[part] ** 2, len(ids))
            counts = taken @ np.bincount(of[part], minlength=len(ids))
            ends.append(points.interval(np.sqrt(squares[counts > 0] / counts[counts > 0])))
        found[["low", "high"]] = ends
    return found
