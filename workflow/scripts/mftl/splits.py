"""Test, validation and training sets of a system.

Ids are ordered by a hash of seed and id. So the order depends neither on the file's order nor on what else is in
the pool, training sets are nested (n = 50 contains n = 25), and new structures do not reshuffle the old ones.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Set

from mftl.config.splits import Split
from mftl.inputs import InputError


def hash_order(ids: Iterable[str], seed: int) -> list[str]:
    """Ids in their pseudo-random order."""
    return sorted(ids, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())


def evenly(order: list[str], strata: Mapping[str, str | None]) -> list[str]:
    """The same ids, those of all strata in turn: every prefix holds as many of each as of others, if there are enough.

    ``strata``: the stratum of each id. Raises InputError if an id has none.
    """
    if lacking := [one for one in order if strata.get(one) is None]:
        raise InputError(f"split.stratify: structure {lacking[0]} of the pool lacks the key")
    taken: Counter[str | None] = Counter()
    rounds = {}
    for one in order:
        rounds[one] = taken[strata[one]]
        taken[strata[one]] += 1
    return sorted(order, key=rounds.__getitem__)


def chosen_by(values: dict[str, list[str]], ids: list[str], info: dict[str, list[str | None]]) -> set[str]:
    """The ids whose info has one of the ``values`` of a key; ``info`` holds each key's value for every id.

    Raises InputError if a value is that of no structure: nothing would be chosen, and nobody would know.
    """
    chosen = set()
    for key, wanted in values.items():
        for value in wanted:
            if value not in info[key]:
                raise InputError(f"split.test_only: no structure of the pool has {key}={value}")
        chosen |= {one for one, value in zip(ids, info[key], strict=True) if value in wanted}
    return chosen


def divide(
    ids: list[str],
    labelled: set[str],
    split: Split,
    test_only: Set[str] = frozenset(),
    strata: Mapping[str, str | None] | None = None,
) -> dict[str, list[str]]:
    """Split a pool's ids into ``test``, ``validation`` and ``training``, each in hash order.

    Test and validation structures are drawn from ``labelled``, the ids labelled at the split's level. All others
    may be trained on, at whatever level they are labelled: a structure tested on is never trained on. Those of
    ``test_only`` are neither drawn nor trained on; where labelled, they follow the drawn ones in ``test``. With
    ``strata``, the stratum of each id, every set holds them evenly (``evenly``). With
    ``split.block`` no structure is trained on that is of one block with a tested one: test and validation structures
    are then whole blocks, the last of each perhaps cut, while the order of the training set stays that of single
    structures. Raises InputError if too few are labelled.
    """
    drawn = [one for one in ids if one not in test_only]
    order = hash_order(drawn, split.seed)
    if strata is not None:
        order = evenly(order, strata)
    only = [one for one in hash_order(test_only, split.seed) if one in labelled]
    if split.block > 1:
        sets = _divide_blocks(drawn, labelled, split, order)
        return sets | {"test": sets["test"] + only}
    eligible = [one for one in order if one in labelled]
    if len(eligible) < split.test + split.validation:
        raise InputError(
            f"the split asks for {split.test} test and {split.validation} validation structures, "
            f"but only {len(eligible)} are labelled at {split.level}"
        )
    test = eligible[: split.test]
    validation = eligible[split.test : split.test + split.validation]
    kept = {*test, *validation}
    return {"test": test + only, "validation": validation, "training": [one for one in order if one not in kept]}


def _divide_blocks(ids: list[str], labelled: set[str], split: Split, order: list[str]) -> dict[str, list[str]]:
    """``divide`` by blocks of ids that follow each other; the first id of a block decides its place."""
    blocks = {ids[i]: ids[i : i + split.block] for i in range(0, len(ids), split.block)}
    queue = [first for first in hash_order(blocks, split.seed) if labelled.intersection(blocks[first])]
    sets, kept = {}, set()
    for name, size in (("test", split.test), ("validation", split.validation)):
        chosen: list[str] = []
        while len(chosen) < size and queue:
            block = blocks[queue.pop(0)]
            kept.update(block)
            chosen += [one for one in block if one in labelled]
        if len(chosen) < size:
            raise InputError(
                f"the split asks for {split.test} test and {split.validation} validation structures in blocks of "
                f"{split.block}, but too few are labelled at {split.level}: only {len(chosen)} are left for {name}"
            )
        sets[name] = chosen[:size]
    return sets | {"training": [one for one in order if one not in kept]}
