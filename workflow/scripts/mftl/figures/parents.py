"""What figures have that draw errors of models beside those of the models that they started from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mftl import recipe as recipes
from mftl.config.base import listed, mistake

if TYPE_CHECKING:
    from mftl.config.whole import Config


def ancestors(config: "Config", curve: str, before: str) -> dict[int, int | None]:
    """For each value of a curve, at which value of another one its models started; None where they did not.

    0 stands for the one value of a foundation model as it is.
    """
    starts = dict(zip(config.recipes_of(before), config.curves[before].values or [0], strict=True))
    chains = zip(config.curves[curve].values or [0], config.recipes_of(curve), strict=True)
    return {value: next((starts[one] for one in chain(recipe) if one in starts), None) for value, recipe in chains}


def chain(recipe: recipes.Recipe | None) -> Iterator[recipes.Recipe]:
    """What the model of a recipe started from, its parent first."""
    while recipe is not None and (recipe := recipe.parent) is not None:
        yield recipe


def pairs(config: "Config", curve: str, before: str) -> list[dict[str, Any]]:
    """Points of a curve, each with the point of another one that its models started from."""
    found = ancestors(config, curve, before)
    return [{"curve": curve, "value": value, "before": before, "before_value": one} for value, one in found.items()]


def parent_mistakes(config: "Config", path: str, curve: str, before: str) -> Iterator[str]:
    """Why a curve is not that of the models that another curve's started from; unknown ``curve``s are told elsewhere.

    ``path`` is that of the key that names ``before``.
    """
    if before not in config.curves:
        yield mistake(path, before, f"the curves: {listed(config.curves)}")
        return
    found = [(name, config.open_recipe(name)) for name in (curve, before)]
    if not all(recipe for _, recipe in found):
        return
    places = {config.curves[name].architecture for name, recipe in found if recipe and recipe.stages}
    lacking = [value for value, one in ancestors(config, curve, before).items() if one is None]
    if lacking or len(places) > 1:
        own = config.curves[curve]
        at = f" at {lacking[0]}" if lacking else ""
        valid = f"a curve of the models that {curve}{at} ({own.recipe}, {own.architecture}) started from"
        yield mistake(path, before, valid)
