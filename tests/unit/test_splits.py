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


def test_blocks_stay_on_one_side():
    """Configurations that follow each other in the pool are in one set, while training sets are not made of blocks."""
    blocks = SPLIT.model_copy(update={"block": 10, "test": 45})
    sets = divide(IDS, LABELLED, blocks)
    molecules = {name: {IDS.index(one) // 10 for one in ids} for name, ids in sets.items()}
    assert not molecules["test"] & molecules["validation"]
    assert not (molecules["test"] | molecules["validation"]) & molecules["training"]
    assert {name: len(ids) for name, ids in sets.items()} == {"test": 45, "validation": 20, "training": 230}
    assert len(molecules["test"]) == 5 and set(sets["test"] + sets["validation"]) <= LABELLED
    assert len({IDS.index(one) // 10 for one in sets["training"][:12]}) > 6
    assert sets == divide(IDS, LABELLED, blocks)
    with pytest.raises(InputError, match="blocks of 10, but too few are labelled at high: only 10 are left for valid"):
        divide(IDS, set(IDS[:60]), blocks)


def test_too_few_labels():
    with pytest.raises(InputError, match="only 60 are labelled at high"):
        divide(IDS, set(IDS[:60]), SPLIT)
