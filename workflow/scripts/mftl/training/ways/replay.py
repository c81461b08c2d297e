"""Multi-head fine-tuning: a second head goes on learning data of the parent, to keep the first from forgetting."""

import copy
from collections.abc import Mapping
from typing import Any

from mftl.datasets import choose, read_sets
from mftl.extxyz import read_ids
from mftl.training.heads import Head


def read(value: dict[str, Any], inputs: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """The ``data`` and the ``weight`` of their loss.

    ``value`` has the number of ``structures`` at most (None: all) and the ``weight``; ``inputs`` has the labels,
    ``replay``, and, where their system is split, ``replay_split``, of which only the training set is used.
    """
    split = inputs.get("replay_split")
    ids = read_sets(split)["training"] if split else read_ids(inputs["replay"][0])
    (data,) = choose(inputs["replay"], [(ids, None)], what=f"data to replay for {stage}")
    return {"data": data[: value["structures"]], "weight": value["weight"]}


def change(heads: list[Head], value: dict[str, Any]) -> None:
    """Add a head, a copy of the first, that learns the ``data`` with a ``weight``."""
    heads.append(Head(copy.deepcopy(heads[0].model), value["data"], value["weight"]))
