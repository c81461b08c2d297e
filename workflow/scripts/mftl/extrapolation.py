"""Learning curves continued: the error at sizes that were not trained, with an interval, from three or more that were.

Several forms are averaged, each with priors on its parameters, by importance sampling:

- ``power``: a n^−b;
- ``floor``: a n^−b + c;
- ``head start``: a (n + n₀)^−b + c, as if cheap labels were worth n₀ expensive ones (arXiv:2102.01293);
- ``shared``: the same with a and b those of the curve from scratch, where that is known.

Priors: b uniform in 0.05 to 1, the floor's share of the error at the largest size uniform in 0 to 1, n₀ uniform in its
logarithm, a uniform in its logarithm. All is done in logarithms of errors, with noise of Student's t, since few seeds
leave its size uncertain. How far one may go rests on a record of what this got wrong (``mftl.forecast``). That one form
with its own error bar is too narrow: arXiv:2103.10948, PMC3307431.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp
from scipy.stats import t as student

from mftl.config.curves import FEWEST
from mftl.inputs import InputError

SAMPLES = 20_000  # of each form's parameters
DRAWS = 4_000  # curves kept of all forms
STEEPEST, FLATTEST = 1.0, 0.05  # exponents b
LEAST_NOISE = 0.03  # of a logarithm: what seeds leave open is never known to be less
LEVEL = 0.8  # of intervals


@dataclass(frozen=True)
class Curve:
    """Errors at sizes: ``noise`` is what seeds leave open of their logarithms, known from ``freedom`` degrees."""

    sizes: Sequence[float]
    errors: Sequence[float]
    noise: float = 0.1
    freedom: float = 4.0

    def __post_init__(self):
        if len(set(self.sizes)) != len(self.sizes) or list(self.sizes) != sorted(self.sizes):
            raise ValueError(f"sizes {self.sizes} do not rise")
        if not all(np.isfinite(one) and one > 0 for one in self.errors):
            raise InputError(f"errors {list(self.errors)} are not all positive numbers: no curve goes through them")

    @property
    def logs(self) -> np.ndarray:
        """Logarithms of the errors, (sizes,)."""
        return np.log(np.asarray(self.errors, float))

    def until(self, count: int) -> "Curve":
        """Its first so many sizes."""
        return Curve(self.sizes[:count], self.errors[:count], self.noise, self.freedom)


@dataclass(eq=False)
class Parameters:
    """Curves a (n + n₀)^−b + c, as arrays (m,): c is ``floor``, n₀ is ``start``, a is ``factor``."""

    factor: np.ndarray
    exponent: np.ndarray
    floor: np.ndarray
    start: np.ndarray

    def at(self, sizes: Sequence[float]) -> np.ndarray:
        """Errors (m, sizes)."""
        shifted = np.asarray(sizes, float) + self.start[:, None]
        return self.factor[:, None] * shifted ** -self.exponent[:, None] + self.floor[:, None]

    def __getitem__(self, part: np.ndarray) -> "Parameters":
        return Parameters(self.factor[part], self.exponent[part], self.floor[part], self.start[part])


@dataclass(eq=False)
class Extrapolation:
    """Draws of what a curve may be, and ``weights`` of the forms by their evidence."""

    curve: Curve
    draws: Parameters
    weights: dict[str, float]
    noises: np.ndarray = field(repr=False)  # (m,), what a measured error is off by, in its logarithm

    def at(self, sizes: Sequence[float]) -> np.ndarray:
        """Draws (m, sizes) of errors as they would be measured."""
        return self.draws.at(sizes) * np.exp(self.noises)[:, None]


def extrapolate(curve: Curve, scratch: Curve | None = None, seed: int = 0) -> Extrapolation:
    """What a curve may be at other sizes, from ``FEWEST`` or more; ``scratch`` is the same curve without cheap labels.

    The same numbers give the same draws. Raises InputError if there are too few sizes.
    """
    if len(curve.sizes) < FEWEST:
        raise InputError(
            f"a learning curve of {len(curve.sizes)} sizes cannot be continued; valid: at least {FEWEST}, each twice "
            "the one before"
        )
    random = np.random.default_rng(seed)
    found = {name: _weighted(curve, *form(curve, random), random) for name, form in FORMS.items()}
    if scratch is not None and len(scratch.sizes) >= FEWEST:
        base, own = _weighted(scratch, *_floor(scratch, random), random)
        found["shared"] = _shared(curve, scratch, base, own, random)
    evidence = {name: logsumexp(logs) - np.log(len(logs)) for name, (_, logs) in found.items()}
    total = logsumexp(list(evidence.values()))
    weights = {name: float(np.exp(one - total)) for name, one in evidence.items()}
    parts = [_resampled(*found[name], round(DRAWS * share), random) for name, share in weights.items()]
    draws = Parameters(
        *(np.concatenate([getattr(one, key) for one in parts]) for key in ("factor", "exponent", "floor", "start"))
    )
    noises = curve.noise * student.rvs(curve.freedom, size=len(draws.factor), random_state=random)
    return Extrapolation(curve, draws, weights, noises)


# --- forms: exponents, the floor's share of the error at the largest size, head starts, (SAMPLES,) each -------------


def _power(curve: Curve, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return random.uniform(FLATTEST, STEEPEST, SAMPLES), np.zeros(SAMPLES), np.zeros(SAMPLES)


def _floor(curve: Curve, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return random.uniform(FLATTEST, STEEPEST, SAMPLES), random.uniform(0, 1, SAMPLES), np.zeros(SAMPLES)


def _head_start(curve: Curve, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    exponents, shares, _ = _floor(curve, random)
    return exponents, shares, _starts(curve, random)


FORMS = {"power": _power, "floor": _floor, "head start": _head_start}


def _starts(curve: Curve, random: np.random.Generator) -> np.ndarray:
    least, most = np.log(0.1 * curve.sizes[0]), np.log(10 * curve.sizes[-1])
    return np.exp(random.uniform(least, most, SAMPLES))


# --- importance sampling ----------------------------------------------------------------------------------------------


def _likelihood(curve: Curve, errors: np.ndarray) -> np.ndarray:
    """Logarithms (m,) of the likelihood of errors (m, sizes)."""
    off = (curve.logs - np.log(np.maximum(errors, 1e-300))) / curve.noise
    return (student.logpdf(off, curve.freedom) - np.log(curve.noise)).sum(1)


def _weighted(
    curve: Curve, exponents: np.ndarray, shares: np.ndarray, starts: np.ndarray, random: np.random.Generator
) -> tuple[Parameters, np.ndarray]:
    """Curves of these shapes, their height drawn near where it fits, and logarithms of their weights."""
    largest = curve.sizes[-1] + starts
    shapes = Parameters((1 - shares) * largest**exponents, exponents, shares, starts)
    heights = (curve.logs - np.log(shapes.at(curve.sizes))).mean(1)
    spread = 1.5 * curve.noise / np.sqrt(len(curve.sizes))
    off = student.rvs(3, size=len(heights), random_state=random)
    factors = np.exp(heights + spread * off)
    drawn = Parameters(shapes.factor * factors, exponents, shapes.floor * factors, starts)
    return drawn, _likelihood(curve, drawn.at(curve.sizes)) - student.logpdf(off, 3) + np.log(spread)


def _shared(
    curve: Curve, scratch: Curve, base: Parameters, logs: np.ndarray, random: np.random.Generator
) -> tuple[Parameters, np.ndarray]:
    """Curves whose factor and exponent are those of curves from scratch, which have weights of their own."""
    own = _resampled(base, logs, SAMPLES, random)
    starts = _starts(curve, random) * 10 ** random.uniform(0, 1, SAMPLES)
    falling = own.factor * (curve.sizes[-1] + starts) ** -own.exponent
    shares = random.uniform(0, 1, SAMPLES)
    drawn = Parameters(own.factor, own.exponent, falling * shares / np.maximum(1 - shares, 1e-9), starts)
    return drawn, _likelihood(curve, drawn.at(curve.sizes))


def _resampled(drawn: Parameters, logs: np.ndarray, count: int, random: np.random.Generator) -> Parameters:
    """So many of the curves, each with the probability that its weight gives it, evenly."""
    weights = np.cumsum(np.exp(logs - logs.max()))
    places = (np.arange(count) + random.uniform()) / max(count, 1) * weights[-1]
    chosen = np.minimum(np.searchsorted(weights, places), len(logs) - 1)
    return drawn[random.permutation(chosen)]
