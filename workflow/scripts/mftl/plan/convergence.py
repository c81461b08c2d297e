"""Whether budgets are large enough: the ends of each curve again, its last stage trained in the twin of its mode."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mftl import recipe as recipes
from mftl.checks import of_figure
from mftl.config.base import mistake
from mftl.config.modes import single, twin
from mftl.config.whole import Config
from mftl.inputs import InputError
from mftl.paths import card_of, models_of

FOLDER = "results/convergence"


def reason(config: Config, curve: str) -> str | None:
    """Why a curve has no budget that could be doubled; None if it has one."""
    recipe = config.recipes_of(curve)[0]
    if not recipe.stages:
        return "it is a foundation model as it is, which is not trained"
    if recipe.last.epochs is not None:
        return "its models are snapshots, whose number of epochs is what is asked for"
    if single(recipe.last.mode) is not None:
        return f"its mode, {recipe.last.mode}, has twice the budget already"
    return None


def doubled(config: Config, curve: str) -> Config:
    """The configuration with another curve of this name alone: its smallest and largest value, its last stage doubled.

    Raises InputError if the curve has no budget that could be doubled.
    """
    own = config.curves[curve]
    if why := reason(config, curve):
        raise InputError(mistake(f"curves.{curve}.recipe", own.recipe, f"a curve with a budget to double; {why}"))
    recipe = recipes.parse(own.recipe)
    last = replace(recipe.last, mode=twin(recipe.last.mode))
    changes = {"recipe": str(replace(recipe, stages=(*recipe.stages[:-1], last)))}
    return _with(config, curve, changes | {"values": sorted({min(own.values), max(own.values)})})


def of_doubled(config: Config, wildcards: Any, function: Callable[[Config, Any], Any]) -> Any:
    """What a function of configuration and wildcards is for the doubled curve."""
    return function(doubled(config, wildcards.curve), wildcards)


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Predictions of a curve and of the doubled one, and cards and logs of their models at the ends."""
    curve = wildcards.curve
    cards = [card_of(model) for one in _both(config, curve) for model in models_of(one, curve)]
    architecture = config.curves[curve].architecture
    trained = [recipes.model_path(architecture, recipe, seed) for recipe, seed in _trained(config, curve)]
    return {
        "predictions": [f"results/predictions/{curve}.npz", f"{FOLDER}/predictions/{curve}.npz"],
        "cards": cards,
        "logs": [model.replace("model.pt", "log.csv") for model in trained],
    }


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """The curve, and of which recipe and seed each log is."""
    return {"curve": wildcards.curve, "trained": _trained(config, wildcards.curve)}


def tables(config: Config, wildcards: Any) -> list[str]:
    """The tables of all curves that figures draw and that have a budget. Raises InputError if none has."""
    found = [curve for curve in _drawn(config) if reason(config, curve) is None]
    if not found:
        raise InputError(mistake("figures", [*config.figures], "a figure with a curve whose last stage is trained"))
    return [f"{FOLDER}/{curve}.csv" for curve in found]


def unjudged(config: Config, wildcards: Any) -> dict[str, str]:
    """The other curves that figures draw, and why they have no budget."""
    return {curve: why for curve in _drawn(config) if (why := reason(config, curve))}


def _both(config: Config, curve: str) -> list[Config]:
    """Configurations with the curve at its ends, as it is and doubled."""
    twice = doubled(config, curve)
    return [_with(config, curve, {"values": twice.curves[curve].values}), twice]


def _with(config: Config, curve: str, changes: dict[str, Any]) -> Config:
    """The configuration with one curve alone, of which other values hold."""
    return config.model_copy(update={"curves": {curve: config.curves[curve].model_copy(update=changes)}})


def _trained(config: Config, curve: str) -> list[tuple[str, int]]:
    """Recipes and seeds of the trainings that lead to the models at both ends; several to a model that is chosen."""
    return [
        (str(one), seed)
        for changed in _both(config, curve)
        for recipe in changed.recipes_of(curve)
        for one in (recipe.candidates(config.snapshots) if recipe.chooses else [recipe])
        for seed in config.seeds_of(curve)
    ]


def _drawn(config: Config) -> list[str]:
    """Curves of the figures that can be made."""
    shown = {
        curve
        for name, figure in config.figures.items()
        if not of_figure(config, name)
        for curve in figure.shown(config)
    }
    return [curve for curve in config.curves if curve in shown]
