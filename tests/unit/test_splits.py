"""Splits: disjoint, nested, and unmoved by what else is in the pool."""

import pytest

from mftl.config import Split
from mftl.inputs import InputError
from mftl.splits import divide, hash_order

IDS = [f"molecule-{i:04d}" for i in range(300)]
LABELLED = set(IDS[:200])
SPLIT = Split(level="high", test=50, validation=20)


def test_sets_are_disjoint_and_complete():
    sets = divide(IDS, LABELLED, SPLIT)
    assert sorted(sets["test"] + sets["validation"] + sets["training"]) == IDS
    assert len(sets["test"]) == 50
    assert len(sets["validation"]) == 20
    assert set(sets["test"] + sets["validation"]) <= LABELLED


def test_order_depends_on_the_seed_alone():
    assert divide(IDS, LABELLED, SPLIT) == divide(IDS[::-1], LABELLED, SPLIT)
    other = SPLIT.model_copy(update={"seed": 1})
    assert divide(IDS, LABELLED, other)["test"] != divide(IDS, LABELLED, SPLIT)["test"]


def test_new_structures_do_not_reshuffle():
    new = [f"new-{i}" for i in range(100)]
    before = divide(IDS, LABELLED, SPLIT)
    after = divide(IDS + new, LABELLED, SPLIT)
    assert after["test"] == before["test"]
    assert [one for one in after["training"] if one in set(IDS)] == before["training"]
    assert hash_order(IDS, 0) != IDS


def test_too_few_labels():
    with pytest.raises(InputError, match="only 60 are labelled at high"):
        divide(IDS, set(IDS[:60]), SPLIT)
