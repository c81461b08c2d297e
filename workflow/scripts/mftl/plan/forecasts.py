"""How good forecasts of learning curves are: which curves can tell."""

from typing import Any

from mftl import recipe as recipes
from mftl.checks import of_figure
from mftl.config.base import mistake
from mftl.config.curves import FEWEST
from mftl.config.whole import Config
from mftl.figures.errors import AverageErrors
from mftl.inputs import InputError


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """Curves over training sizes of figures that can be made, and of those with another start the one from scratch."""
    curves = _curves(config)
    return {"curves": curves, "scratch": {one: other for one in curves if (other := _scratch(config, one, curves))}}


def tables(config: Config, wildcards: Any) -> list[str]:
    """The tables of points that these curves are in. Raises InputError if there is none."""
    curves = set(_curves(config))
    found = [f"results/points/{name}.csv" for name, drawn in _drawn(config).items() if curves & drawn]
    if not found:
        valid = f"a figure with a curve of more than {FEWEST} training sizes"
        raise InputError(mistake("figures", [*config.figures], valid))
    return found


def _drawn(config: Config) -> dict[str, set[str]]:
    """Figures that can be made with points of curves on a whole test set, and their curves."""
    return {
        name: set(figure.all_curves())
        for name, figure in config.figures.items()
        if isinstance(figure, AverageErrors)
        and not getattr(figure, "only", None)
        and figure.units == "meV/atom"
        and not of_figure(config, name)
    }


def _curves(config: Config) -> list[str]:
    """Curves of those whose last stage's size is open, with more sizes than a forecast needs."""
    drawn = set().union(*_drawn(config).values())
    return [
        name
        for name, curve in config.curves.items()
        if name in drawn and len(curve.values) > FEWEST and recipes.parse(curve.recipe).last.size == recipes.OPEN
    ]


def _scratch(config: Config, name: str, curves: list[str]) -> str | None:
    """The curve that is trained for the same without another start; None of one that has none."""
    own, recipe = config.curves[name], recipes.parse(config.curves[name].recipe)
    if recipe.parent is None:
        return None
    for other in curves:
        there, alone = config.curves[other], recipes.parse(config.curves[other].recipe)
        same = (alone.last.system, alone.last.level) == (recipe.last.system, recipe.last.level)
        if same and alone.parent is None and (there.architecture, there.test) == (own.architecture, own.test):
            return other
    return None
