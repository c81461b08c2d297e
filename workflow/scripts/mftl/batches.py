"""What a model gets at once: so many structures, and so many edges, that they fit into the memory of a GPU.

Memory goes by edges, and structures differ in them: a cell of 135 tungsten atoms has 7800 within 6 Å, a molecule of 16
atoms 200 within 4.5 Å.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from typing import TypeVar

T = TypeVar("T")
Made = TypeVar("Made")

STRUCTURES = 100
# on a CPU tensors above 32 MB are mapped anew in each call, which takes as long as computing; docs/cluster.md for a GPU
EDGES = {"cpu": 4_000, "cuda": 50_000}


@dataclass
class Limit:
    """What a batch holds at most, unless it is of one structure.

    ``edges`` are those of ``EDGES`` if not given, and are lowered where memory runs out.
    """

    structures: int = STRUCTURES
    edges: int | None = None


def batches(
    items: Iterable[T], size: int, weight: Callable[[T], int] = lambda item: 0, heaviest: float = inf
) -> Iterator[list[T]]:
    """Items in turn, at most ``size`` at a time, their weights ``heaviest`` at most in all; a heavier item is alone."""
    batch: list[T] = []
    total = 0
    for item in items:
        own = weight(item)
        if batch and (len(batch) == size or total + own > heaviest):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += own
    if batch:
        yield batch


def ahead(items: Iterable[T], make: Callable[[T], Made]) -> Iterator[Made]:
    """What ``make`` makes of the items, in turn; the next one in a thread while the last one is used.

    One is made in advance, not more: they take memory. Of use where that which uses them waits for a GPU.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        waiting: Future[Made] | None = None
        for item in items:
            following = thread.submit(make, item)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
