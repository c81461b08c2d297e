"""Rules that say which structure is best chosen next, from features; all are greedy, so their orders are nested.

A rule is told of each structure that is chosen or labelled already (``add``), and asked for the best one of those that
are allowed (``best``). With n structures and d features both take O(n d). Ties go to the first structure, so a rule
gives the same for the same features.

Sources: largest cluster, maximum distance (LCMD) and posterior variance, Holzmüller et al., arXiv:2203.09410; farthest
point, arXiv:1708.00489; error at the low level, arXiv:2508.15577.
"""

from typing import Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve

NOISE = 1e-2  # variance of a label over that of the features' mean square norm
WORST = 0.1  # of those allowed, within which `low-level-error` chooses
CHUNK = 4096  # structures that float64 is needed for at once
BLOCK = 256  # candidates of `ForceVariance` whose gain is computed at once


class Rule(Protocol):
    """See the module."""

    def add(self, chosen: int) -> None:
        """Take note of a structure that is chosen or labelled."""

    def best(self, allowed: np.ndarray) -> int:
        """The best of the structures that are allowed, (n,) of bool with at least one."""

    def score(self, one: int) -> float:
        """How much a structure would bring, in the rule's own unit; of the best one what decided."""


class Clusters:
    """Largest cluster, maximum distance, of features (n, d).

    Structures added are centres, each other structure joins the nearest one. The best structure is the farthest one of
    the cluster with the largest sum of squared distances.
    """

    def __init__(self, features: np.ndarray):
        self.features = features
        self.norms = np.einsum("ij,ij->i", features, features)
        self.squares = np.full(len(features), np.inf, features.dtype)
        self.cluster = np.zeros(len(features), np.int64)
        self.centres = 0

    def add(self, chosen: int) -> None:
        """Make a structure a centre."""
        squares = self.norms + self.norms[chosen] - 2 * (self.features @ self.features[chosen])
        np.maximum(squares, 0, out=squares)
        squares[chosen] = 0
        nearer = squares < self.squares
        self.squares[nearer], self.cluster[nearer] = squares[nearer], self.centres
        self.cluster[chosen] = self.centres
        self.centres += 1

    def best(self, allowed: np.ndarray) -> int:
        """The farthest allowed member of the heaviest cluster that has one."""
        sums = np.bincount(self.cluster, weights=self.squares.astype(float), minlength=self.centres)
        held = np.bincount(self.cluster[allowed], minlength=self.centres) > 0
        heaviest = np.argmax(np.where(held, sums, -1.0))
        return _largest(self.squares, allowed & (self.cluster == heaviest))

    def score(self, one: int) -> float:
        """Distance to the nearest centre."""
        return float(np.sqrt(self.squares[one]))


class Farthest(Clusters):
    """Farthest point: the structure with the largest distance to the nearest of those added."""

    def best(self, allowed: np.ndarray) -> int:
        """The farthest."""
        return _largest(self.squares, allowed)


class Variance:
    """Posterior variance of a linear model of features (n, d); the determinant of its covariance falls the most.

    With A = ς² I + Σ φ φᵀ over those added, scores are φᵀ A⁻¹ φ; with v = A⁻¹ φ* each falls by
    (φᵀ v)² / (1 + φ*ᵀ v) when φ* is added.
    """

    def __init__(self, features: np.ndarray, noise: float = NOISE):
        self.features, width = features, features.shape[1]
        norms = np.einsum("ij,ij->i", features, features).astype(float)
        noise *= float(norms.mean()) or 1.0
        self.inverse = np.eye(width) / noise
        self.scores = norms / noise

    def add(self, chosen: int) -> None:
        """Add a structure to A."""
        own = self.features[chosen].astype(float)
        v = self.inverse @ own
        by = 1 + own @ v
        self.scores -= (self.features @ v.astype(self.features.dtype)).astype(float) ** 2 / by
        self.inverse -= np.outer(v, v) / by

    def best(self, allowed: np.ndarray) -> int:
        """The one with the largest variance."""
        return _largest(self.scores, allowed)

    def score(self, one: int) -> float:
        """Variance over that of the noise of a label."""
        return float(self.scores[one])


class ForceVariance:
    """The same where a structure has energy and forces: log det (A + B) − log det A is the gain of a structure.

    ``blocks`` (n, k, d) are the rows of each structure, B = rowsᵀ rows. A gain only falls when structures are added,
    so only those are computed anew that may be the largest.
    """

    def __init__(self, blocks: np.ndarray, noise: float = NOISE):
        self.blocks = blocks
        self.noise = noise * (float(np.square(blocks, dtype=float).sum(axis=(1, 2)).mean()) or 1.0)
        self.matrix = self.noise * np.eye(blocks.shape[2])
        self.bounds = np.full(len(blocks), np.inf)
        self.fresh = np.zeros(len(blocks), bool)

    def add(self, chosen: int) -> None:
        """Add the rows of a structure to A."""
        own = self.blocks[chosen].astype(float)
        self.matrix = self.matrix + own.T @ own
        self.fresh[:] = False

    def best(self, allowed: np.ndarray) -> int:
        """The one with the largest gain."""
        candidates = np.flatnonzero(allowed)
        order = candidates[np.argsort(-self.bounds[candidates], kind="stable")]
        inverse = cho_solve(cho_factor(self.matrix), np.eye(len(self.matrix)))
        for start in range(0, len(order), BLOCK):
            some = order[start : start + BLOCK]
            stale = some[~self.fresh[some]]
            if len(stale):
                self.bounds[stale] = self._gains(stale, inverse)
                self.fresh[stale] = True
            seen = order[: start + BLOCK]
            rest = order[start + BLOCK :]
            if not len(rest) or self.bounds[seen].max() >= self.bounds[rest[0]]:
                return int(seen[np.argmax(self.bounds[seen])])
        raise ValueError("no structure is allowed")

    def score(self, one: int) -> float:
        """The gain, when it was last computed; nan if it never was."""
        return float(self.bounds[one]) if np.isfinite(self.bounds[one]) else float("nan")

    def _gains(self, some: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        blocks = self.blocks[some].astype(float)
        inner = blocks @ inverse @ blocks.transpose(0, 2, 1) + np.eye(blocks.shape[1])
        return np.linalg.slogdet(inner)[1]


class LowLevelError:
    """Where a ridge regression on those added misses the low level most: within the worst tenth, by clusters.

    ``values`` (n,): low-level energies of an atom, less what elements explain; not finite where there is none, and such
    a structure is chosen only if no other is allowed.
    """

    def __init__(self, features: np.ndarray, values: np.ndarray, noise: float = NOISE):
        self.features, width = features, features.shape[1]
        self.clusters = Clusters(features)
        self.known = np.isfinite(values)
        self.values = np.where(self.known, values, 0.0)
        norms = np.einsum("ij,ij->i", features, features).astype(float)
        self.matrix, self.sums = noise * (float(norms.mean()) or 1.0) * np.eye(width), np.zeros(width)
        self.errors = np.abs(self.values)

    def add(self, chosen: int) -> None:
        """Fit again with a structure more."""
        self.clusters.add(chosen)
        if self.known[chosen]:
            own = self.features[chosen].astype(float)
            self.matrix += np.outer(own, own)
            self.sums += self.values[chosen] * own

    def best(self, allowed: np.ndarray) -> int:
        """By clusters within the worst tenth of those allowed."""
        weights = cho_solve(cho_factor(self.matrix), self.sums)
        self.errors = np.abs(self.features @ weights.astype(self.features.dtype) - self.values)
        candidates = np.flatnonzero(allowed & self.known)
        if not len(candidates):
            return self.clusters.best(allowed)
        count = max(1, int(np.ceil(WORST * len(candidates))))
        worst = candidates[np.argsort(-self.errors[candidates], kind="stable")[:count]]
        within = np.zeros_like(allowed)
        within[worst] = True
        return self.clusters.best(within)

    def score(self, one: int) -> float:
        """Error of the regression (eV/atom)."""
        return float(self.errors[one])


class Random:
    """Structures in an order that is given: ``order`` (n,) holds their numbers."""

    def __init__(self, order: np.ndarray):
        self.places = np.empty(len(order), np.int64)
        self.places[order] = np.arange(len(order))

    def add(self, chosen: int) -> None:
        """Nothing depends on what is chosen."""

    def best(self, allowed: np.ndarray) -> int:
        """The first of the order."""
        return _largest(-self.places, allowed)

    def score(self, one: int) -> float:
        """None has one."""
        return float("nan")


def standardized(features: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Features (n, d) without what is linear in the ``fractions`` of elements (n, elements), mean square norm 1.

    Reference energies are fitted anew to every training set, so what elements explain needs no labels. Float32.
    """
    parts = [slice(start, start + CHUNK) for start in range(0, len(features), CHUNK)]
    sums = sum(fractions[part].T @ features[part].astype(float) for part in parts)
    weights = np.linalg.pinv(fractions.T @ fractions) @ sums
    rest, square = np.empty(features.shape, np.float32), 0.0
    for part in parts:
        exact = features[part] - fractions[part] @ weights
        rest[part], square = exact, square + float(np.square(exact).sum())
    rest /= np.sqrt(square / len(rest)) or 1.0
    return rest


def _largest(values: np.ndarray, allowed: np.ndarray) -> int:
    candidates = np.flatnonzero(allowed)
    return int(candidates[np.argmax(values[candidates])])
