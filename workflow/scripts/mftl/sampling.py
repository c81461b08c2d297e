"""A reproducible random sample of structures that are known by id."""

import hashlib
import heapq
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from mftl.inputs import InputError

Entry = TypeVar("Entry", bound=tuple)


def sample(entries: Iterable[Entry], count: int | None, seed: int | list[int]) -> list[Entry]:
    """``count`` entries, all if None, in the order of a hash of seed and id, which is the first item of an entry.

    The order hangs neither on the order of the entries nor on what else there is: a sample of 100 begins one of 1000.
    No more than ``count`` entries are kept in memory. Splits hash in another way: a prefix is no test set.
    """

    def place(entry: Entry) -> bytes:
        return hashlib.sha256(f"sample {seed}:{entry[0]}".encode()).digest()

    return sorted(entries, key=place) if count is None else heapq.nsmallest(count, entries, key=place)


def drawn(ids: list[str], count: int, seed: int, path: str | Path) -> list[str]:
    """The ids that a pool draws from those of its file, in their order. Raises InputError if there are too few."""
    if count > len(ids):
        raise InputError(f"pool.count: got {count}; valid: at most {len(ids)}, the structures in {path}")
    return [one for (one,) in sample([(one,) for one in ids], count, seed)]
