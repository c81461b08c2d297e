"""Splits: disjoint, nested, and unmoved by what else is in the pool."""

import pytest

from mftl.config.splits import Split
from mftl.inputs import InputError
from mftl.splits import chosen_by, divide, evenly, hash_order

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


def test_what_is_only_tested_on_comes_on_top_of_the_others():
    slabs = ["slab-0", "slab-1", "slab-2"]
    before, after = divide(IDS, LABELLED, SPLIT), divide(IDS + slabs, LABELLED | {*slabs[:2]}, SPLIT, {*slabs})
    assert after["test"][:50] == before["test"]
    assert sorted(after["test"][50:]) == slabs[:2]  # the third has no label to test with
    assert (after["validation"], after["training"]) == (before["validation"], before["training"])
    with pytest.raises(InputError, match="only 60 are labelled"):
        divide(IDS + slabs, {*IDS[:60], *slabs}, SPLIT.model_copy(update={"test": 41}), {*slabs})


def test_structures_are_chosen_by_their_info():
    info = {"kind": ["bulk", "slab", None, "vacancy"], "size": ["1", "2", "2", "15"]}
    assert chosen_by({"kind": ["slab", "vacancy"]}, ["a", "b", "c", "d"], info) == {"b", "d"}
    assert chosen_by({"kind": ["slab"], "size": ["15"]}, ["a", "b", "c", "d"], info) == {"b", "d"}
    assert chosen_by({}, ["a", "b", "c", "d"], info) == set()
    with pytest.raises(InputError, match="no structure of the pool has kind=slb"):
        chosen_by({"kind": ["slab", "slb"]}, ["a", "b", "c", "d"], info)


def test_strata_are_in_every_set_alike():
    """Ten temperatures: each set holds as many structures of each as of others."""
    strata = {one: str(i % 10) for i, one in enumerate(IDS)}
    sets = divide(IDS, set(IDS), SPLIT, strata=strata)
    assert sorted(sets["test"] + sets["validation"] + sets["training"]) == IDS
    for name, count in (("test", 5), ("validation", 2), ("training", 23)):
        assert sorted(strata[one] for one in sets[name]) == sorted([str(k) for k in range(10)] * count)
    assert len({strata[one] for one in sets["training"][:10]}) == 10
    within = [one for one in sets["test"] + sets["validation"] + sets["training"] if strata[one] == "3"]
    assert within == [one for one in hash_order(IDS, 0) if strata[one] == "3"]


def test_a_structure_without_stratum_is_named():
    with pytest.raises(InputError, match=r"split\.stratify: structure b of the pool lacks the key"):
        evenly(["a", "b"], {"a": "300", "b": None})


def test_the_published_test_set_may_be_all():
    only = set(IDS[:30])
    sets = divide(IDS, set(IDS), SPLIT.model_copy(update={"test": 0}), only)
    assert set(sets["test"]) == only
    assert len(sets["validation"]) == 20 and len(sets["training"]) == 250
