"""Recipes: parsing and formatting are inverse; what is no recipe is refused with the form."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mftl import recipe
from mftl.recipe import BEST, OPEN, Part, Recipe, Stage

names = st.from_regex(rf"\A{recipe.NAME}\Z")
levels = st.one_of(names, st.tuples(names, names).map("~".join))
numbers = st.integers(1, 10**6)
modes = st.one_of(st.just("default"), st.from_regex(rf"\A{recipe.MODE}\Z").filter(lambda mode: mode != "ebest"))
others = st.lists(st.builds(Part, names, levels, numbers), max_size=2).map(tuple)
stages = st.builds(Stage, names, levels, numbers, st.one_of(st.none(), st.just(BEST), numbers), modes, others).filter(
    lambda stage: len({(part.system, part.level) for part in stage.parts}) == len(stage.parts)
)


def choosable(stages: list[Stage]) -> tuple[Stage, ...]:
    """Only a stage before one without epochs can be .ebest."""
    following = [*stages[1:], None]
    return tuple(
        replace(one, epochs=None) if one.epochs == BEST and (after is None or after.epochs is not None) else one
        for one, after in zip(stages, following, strict=True)
    )


chains = st.builds(Recipe, st.lists(stages, min_size=1, max_size=4).map(choosable), st.one_of(st.none(), names))


@given(chains)
def test_parsing_inverts_formatting(chain):
    assert recipe.parse(str(chain)) == chain


@given(chains, numbers)
def test_open_number_is_filled_in(chain, value):
    last = chain.stages[-1]
    curve = replace(chain, stages=(*chain.stages[:-1], replace(last, size=OPEN)))
    read = recipe.parse(str(curve))
    assert read.open == "size"
    assert read.at(value).last.size == value
    assert read.at(value).stages[:-1] == chain.stages[:-1]


def test_parents_lead_to_random_weights():
    chain = recipe.parse("molecules.dftb-ptbp.n3000.e16/molecules.pbe0-d3.n500/molecules.ccsdt.n50.energy-only")
    assert str(chain.parent) == "molecules.dftb-ptbp.n3000.e16/molecules.pbe0-d3.n500"
    assert str(chain.parent.parent) == "molecules.dftb-ptbp.n3000.e16"
    assert chain.parent.parent.parent is None
    assert str(chain.parent.parent.trained) == "molecules.dftb-ptbp.n3000"
    assert chain.last.mode == "energy-only"


def test_foundation_model_is_the_last_parent():
    chain = recipe.parse("mace-off23-small/qm7x.pbe0-mbd.n500")
    assert chain.foundation == "mace-off23-small"
    assert chain.parent == Recipe((), "mace-off23-small")


def test_foundation_model_may_stand_alone():
    chain = recipe.parse("mace-off23-small")
    assert chain == Recipe((), "mace-off23-small")
    assert chain.parent is None and not chain.chooses and chain.epochs == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b.n5.ebest", "the last stage cannot have it"),
        ("a.b.n5/a.c.n5.ebest.frozen", "the last stage cannot have it"),
        ("a.b.n5.ebest/a.c.n5.e3", "a.c.n5.e3 chooses among the snapshots"),
        ("a.b.n5.ebest/a.c.n5.ebest/a.d.n5", "a.c.n5.ebest chooses among the snapshots"),
        ("a.b.n5.ebest/a.c.n5.e*", r"a.c.n5.e\* chooses among the snapshots"),
    ],
)
def test_best_epoch_where_nothing_can_choose_it(text, expected):
    with pytest.raises(ValueError, match=expected):
        recipe.parse(text)


def test_best_epoch_is_tried_by_the_next_stage():
    chain = recipe.parse("x.a.n9.ebest/x.b.n400.multihead/x.c.n25")
    assert not chain.chooses and chain.parent.chooses
    assert chain.parent.last.mode == "multihead"
    assert [str(one) for one in chain.parent.candidates([1, 16])] == [
        "x.a.n9.e1/x.b.n400.multihead",
        "x.a.n9.e16/x.b.n400.multihead",
    ]
    assert chain.chooser == chain.parent
    assert recipe.parse("x.a.n9.e4/x.b.n4").chooser is None


def test_a_joint_stage_is_for_its_last_part():
    chain = recipe.parse("x.a.n*+y.b~c.n50+x.d.n7.e4.slow/x.d.n5")
    stage = chain.stages[0]
    assert (stage.system, stage.level, stage.size, stage.epochs, stage.mode) == ("x", "d", 7, 4, "slow")
    assert stage.others == (Part("x", "a", OPEN), Part("y", "b~c", 50))
    assert stage.parts[-1] is stage and [part.levels for part in stage.parts] == [("a",), ("b", "c"), ("d",)]
    assert chain.open == "size" and chain.parent.parent is None
    assert str(chain.at(9)) == "x.a.n9+y.b~c.n50+x.d.n7.e4.slow/x.d.n5"
    assert str(chain.parent.trained) == "x.a.n*+y.b~c.n50+x.d.n7.slow"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.a.n5+x.a.n7", r"learns x\.a twice: each level of a system once"),
        ("x.a.n5.e4+x.b.n7", r"expected <system>\.<level>\.n<size>\+…\+<system>\.<level>\.n<size>\[\.e<epochs>\]"),
        ("x.a.n5+", "is not a stage"),
        ("x.a.n0+x.b.n7", "start at 1"),
        ("x.a.n*+x.b.n*", "only one number may be left open"),
    ],
)
def test_what_is_no_joint_stage_is_refused(text, expected):
    with pytest.raises(ValueError, match=expected):
        recipe.parse(text)


def test_difference_level_needs_both_labels():
    assert recipe.parse_stage("molecules.pbe0-d3~dftb-ptbp.n50").levels == ("pbe0-d3", "dftb-ptbp")


@pytest.mark.parametrize(
    "text",
    ["Molecules", "molecules.pbe0-d3", "molecules.pbe0-d3.50", "molecules.pbe0-d3.n0", "molecules.pbe0-d3.n050",
     "Molecules.pbe0-d3.n5", "molecules.pbe0-d3.n5.default", "molecules.pbe0-d3.n5.frozen.e4", "a.b.n*/a.b.n*", "",
     "a.b.n5/mace-off", "a.b.n5.e4.ebest/a.b.n5"],
)  # fmt: skip
def test_what_is_no_recipe_is_refused(text):
    with pytest.raises(ValueError):
        recipe.parse(text)
