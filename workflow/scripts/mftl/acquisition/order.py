"""The order in which structures of a pool are worth a label: what is labelled, a pilot, then one by one by a rule.

Every start of the order is what a shorter one would have been. Beside the rule go: compositions first, since reference
energies need them; a cap on extremes, which rules that look for what is far away would take first; and a share of
random ones, since such rules starve what is common.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mftl.acquisition.rules import Rule
from mftl.inputs import InputError

log = logging.getLogger(__name__)

OCCURRENCES = 3  # structures that should hold each element
LABELLED, PILOT, COMPOSITION, RANDOM, RULE = "labelled", "pilot", "composition", "random", "rule"


@dataclass(frozen=True)
class Pick:
    """A place in the order: which structure, why, and the rule's score of it (nan without one)."""

    structure: int
    reason: str
    score: float = float("nan")


class Compositions:
    """Which structures are needed before reference energies of the pool's elements can be told.

    ``counts`` (n, elements): atoms of each element. Until the compositions chosen span those of the pool and each
    element is in three of them (or in as many as hold it), structures that ``help`` are needed.
    """

    def __init__(self, counts: np.ndarray):
        self.kinds, self.kind_of = np.unique(counts, axis=0, return_inverse=True)
        self.kind_of = self.kind_of.reshape(-1)
        self.fractions = self.kinds / np.linalg.norm(self.kinds, axis=1, keepdims=True)
        self.wanted_times = np.minimum((counts > 0).sum(0), OCCURRENCES)
        self.times = np.zeros(counts.shape[1], np.int64)
        self.rest = self.fractions.copy()  # what no composition chosen explains of each

    def add(self, one: int) -> None:
        """Take note of a structure that is chosen."""
        kind = self.kind_of[one]
        self.times += self.kinds[kind] > 0
        own = self.rest[kind]
        if (length := np.linalg.norm(own)) > 1e-6:
            self.rest -= np.outer(self.rest @ own, own) / length**2

    def help(self) -> np.ndarray:
        """How much each structure helps, (n,): first those that no composition explains, then by rare elements held."""
        new = np.linalg.norm(self.rest, axis=1) > 1e-6
        held = (self.kinds[:, self.times < self.wanted_times] > 0).sum(1)
        return (held + self.kinds.shape[1] * new)[self.kind_of]


def order(
    rule: Rule,
    counts: np.ndarray,
    known: Sequence[int],
    pilot: Sequence[int],
    picks: int,
    drawn: Iterable[int],
    random_share: float = 0.0,
    extremes: np.ndarray | None = None,
    extreme_share: float = 1.0,
    barred: Iterable[int] = (),
    failing: Iterable[int] = (),
) -> list[Pick]:
    """Structures of a pool in their order: those ``known``, the ``pilot``, then ``picks`` more.

    Parameters: ``counts`` (n, elements) atoms; ``drawn`` all structures in a random order; ``random_share`` of the
    picks are the next of them; of the ``extremes`` (n,) no start of the picks holds more than ``extreme_share``,
    rounded up; ``barred`` ones are never picked, ``failing`` ones as any other, but the next is picked for each as
    well, as long as some are left. Where extremes alone would help to cover the compositions, they are
    taken. Raises InputError if fewer structures are left than are to be picked.
    """
    count = len(counts)
    allowed, compositions = np.ones(count, bool), Compositions(counts)
    allowed[list(barred)] = False
    extreme = np.zeros(count, bool) if extremes is None else extremes
    found: list[Pick] = []

    def take(one: int, reason: str, score: float = float("nan")) -> None:
        allowed[one] = False
        rule.add(one)
        compositions.add(one)
        found.append(Pick(one, reason, score))

    for start, reason in ((known, LABELLED), (pilot, PILOT)):
        for one in start:
            take(one, reason)
    if picks > allowed.sum():
        raise InputError(f"{picks} structures are to be chosen, but only {allowed.sum()} are left; choose fewer")
    if not found:
        raise InputError("nothing to begin with: neither labelled structures nor a pilot")
    queue, extreme_picks, failures, place = iter(drawn), 0, set(failing), 0
    while picks and allowed.any():
        place += 1
        capped = extreme_picks + 1 > np.ceil(extreme_share * place)
        open_ones = allowed & ~extreme if capped and (allowed & ~extreme).any() else allowed
        help = compositions.help()
        helping = open_ones & (help > 0)
        if not helping.any():
            helping = allowed & (help > 0)
        if helping.any():
            helping &= help == help[helping].max()
            one, reason = rule.best(helping), COMPOSITION
        elif int(place * random_share) > int((place - 1) * random_share):
            one, reason = next((one for one in queue if open_ones[one]), -1), RANDOM
        else:
            one, reason = rule.best(open_ones), RULE
        if one < 0:  # all were drawn, those passed over were extremes
            one, reason = rule.best(open_ones), RULE
        extreme_picks += bool(extreme[one])
        picks -= one not in failures
        take(one, reason, rule.score(one))
    if compositions.help().any():
        log.warning(
            "the compositions chosen do not determine the reference energies of all elements of the pool: choose more"
        )
    return found
