"""Recipes: parsing and formatting are inverse; what is no recipe is refused with the form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mftl import recipe
from mftl.recipe import OPEN, Recipe, Stage

names = st.from_regex(rf"\A{recipe.NAME}\Z")
levels = st.one_of(names, st.tuples(names, names).map("~".join))
numbers = st.integers(1, 10**6)
modes = st.one_of(st.just("default"), st.from_regex(r"\A[a-z][a-z-]+\Z"))
stages = st.builds(Stage, names, levels, numbers, st.one_of(st.none(), numbers), modes)
chains = st.builds(Recipe, st.lists(stages, min_size=1, max_size=4).map(tuple), st.one_of(st.none(), names))


@given(chains)
def test_parsing_inverts_formatting(chain):
    assert recipe.parse(str(chain)) == chain


@given(chains, numbers)
def test_open_number_is_filled_in(chain, value):
    last = chain.stages[-1]
    curve = Recipe((*chain.stages[:-1], Stage(last.system, last.level, OPEN, last.epochs, last.mode)), chain.foundation)
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


def test_difference_level_needs_both_labels():
    assert recipe.parse_stage("molecules.pbe0-d3~dftb-ptbp.n50").levels == ("pbe0-d3", "dftb-ptbp")


@pytest.mark.parametrize(
    "text",
    ["molecules", "molecules.pbe0-d3", "molecules.pbe0-d3.50", "molecules.pbe0-d3.n0", "molecules.pbe0-d3.n050",
     "Molecules.pbe0-d3.n5", "molecules.pbe0-d3.n5.default", "molecules.pbe0-d3.n5.frozen.e4", "a.b.n*/a.b.n*", "",
     "a.b.n5/mace-off"],
)  # fmt: skip
def test_what_is_no_recipe_is_refused(text):
    with pytest.raises(ValueError):
        recipe.parse(text)
