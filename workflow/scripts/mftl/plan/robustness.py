"""Tests beyond errors: the tables they rest on, what the rules that judge and draw them are told."""

from typing import Any

from mftl.config.base import mistake
from mftl.config.whole import Config
from mftl.figures.base import Figure, Table
from mftl.figures.dimers import Dimers
from mftl.figures.forgetting import Forgetting
from mftl.figures.simulations import protocol_text
from mftl.figures.stability import Stability
from mftl.figures.structure_search import StructureSearch
from mftl.inputs import InputError
from mftl.robustness import tested

FOLDER = "robustness/"  # of pages, which are no figures but have tables as these have

KINDS: tuple[type[Figure], ...] = (Forgetting, Dimers, StructureSearch, Stability)  # of figures, whose tables they have


def names(config: Config) -> list[str]:
    """What has a page: curves, or a model file."""
    return tested.names(config)


def pages(config: Config) -> list[str]:
    """All pages, as their tables are called."""
    return [f"{FOLDER}{name}" for name in names(config)]


def tables(config: Config, page: str) -> list[Table]:
    """All tables of a page."""
    found = tested.asked(config, page.removeprefix(FOLDER))
    return [table for one in found.values() if not isinstance(one, str) for table in one]


def targets(config: Config, wildcards: Any) -> list[str]:
    """All pages. Raises InputError if the configuration asks for none."""
    if config.robustness is None:
        valid = "a section; {} tests the curves of `export`, {curves: [<name>]} others (docs/robustness.md)"
        raise InputError(mistake("robustness", None, valid))
    return [f"results/{page}.{ending}" for page in pages(config) for ending in ("md", "pdf", "png", "csv")]


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """The table of each question that can be asked, by its name."""
    found = tested.asked(config, wildcards.tested)
    page = f"{FOLDER}{wildcards.tested}"
    return {
        question.replace("-", "_"): f"results/{one[-1].folder}/{page}.csv"
        for question, one in found.items()
        if not isinstance(one, str)
    }


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What a page says besides what was measured: the models, limits, and why a question is not asked."""
    own, name = config.robustness, wildcards.tested
    assert own is not None
    recipe, parent = tested.recipe_of(config, name), tested.parent_of(config, name)
    found = tested.asked(config, name)
    return {
        "name": name,
        "recipe": str(recipe) if recipe.stages else config.foundation_of(name).file,
        "parent": str(parent) if parent else None,
        "learned": tested.learned_of(config, name),
        "same_structures": tested.same_structures(config, name),
        "protocol": protocol_text(config, tested.protocol_of(config, name)),
        "limits": own.model_dump(include={"forgotten", "holes", "stable"}),
        "not_asked": {question: one for question, one in found.items() if isinstance(one, str)},
    }


def style(config: Config, wildcards: Any) -> dict[str, Any]:
    """How figures look."""
    return config.plot.model_dump(exclude={"colors", "error", "bars"})
