"""Joint training: other heads learn other parts of the stage, levels that share the body of the model with its own."""

import copy
from collections.abc import Mapping
from typing import Any

from mftl.datasets import Labelled, choose, read_sets
from mftl.splits import hash_order
from mftl.training.heads import Head


def read(value: list[dict[str, Any]], inputs: Mapping[str, Any], stage: str) -> list[Labelled]:
    """The training set of each part.

    ``value`` says of each how many structures it has (``size``) and, where each seed has others, the seed of their
    ``order``; ``inputs`` has its labels, ``joint_0`` and so on, and the split of its system, ``joint_split_0``.
    Raises InputError if so many are not labelled.
    """
    data = []
    for i, part in enumerate(value):
        ids = read_sets(inputs[f"joint_split_{i}"])["training"]
        ids = ids if part["order"] is None else hash_order(ids, part["order"])
        what = f"{part['system']}.{part['level']} of {stage}"
        data += choose(inputs[f"joint_{i}"], [(ids, part["size"])], what=what)
    return data


def change(heads: list[Head], value: list[Labelled]) -> None:
    """Add a head for each part, a copy of the first, whose loss counts as much as the first one's."""
    heads += [Head(copy.deepcopy(heads[0].model), data) for data in value]
