"""Where the models of curves and recipes lie."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mftl import recipe as recipes

if TYPE_CHECKING:
    from mftl.config.whole import Config


def model_file(config: "Config", architecture: str, recipe: recipes.Recipe, seed: int | str) -> str:
    """Where a recipe's model lies: in results, or where the user has it if it is a foundation model."""
    if recipe.foundation and not recipe.stages:
        return config.foundation_of(recipe.foundation).file
    return recipes.model_path(architecture, recipe, seed)


def order_file(selection: str, seed: int | str) -> str:
    """Where an order lies."""
    return f"results/selections/{selection}/seed-{seed}/order.csv"


def head_of(config: "Config", recipe: recipes.Recipe | None) -> str | None:
    """Which head of a foundation model is used; None for all other models, which have one."""
    if recipe is None or recipe.stages or recipe.foundation is None:
        return None
    return config.foundation_of(recipe.foundation).head


def models_of(config: "Config", curve: str) -> list[str]:
    """Models of a curve, in the order of (recipe, seed)."""
    return [
        model_file(config, config.curves[curve].architecture, one, seed)
        for one in config.recipes_of(curve)
        for seed in config.seeds_of(curve)
    ]


def card_of(model: str) -> str:
    """The card beside a model."""
    return model.replace("model.pt", "model.json")


def runs_of(
    config: "Config", curves: Iterable[str], values: Iterable[int], protocol: str | None = None
) -> list[dict[str, Any]]:
    """Models of some curves at some values (none: all), seed by seed, with where each lies and what its head is.

    Under a protocol of committees the seeds are one: ``1-3``.
    """
    wanted = list(values)
    return [
        {
            "protocol": protocol,
            "curve": curve,
            "value": value,
            "architecture": config.curves[curve].architecture,
            "recipe": str(one),
            "seed": seed,
            "head": head_of(config, one),
        }
        for curve in curves
        for value, one in zip(config.curves[curve].values or [0], config.recipes_of(curve), strict=True)
        for seed in _seeds(config, curve, protocol)
        if not wanted or value in (0, *wanted)
    ]


def members(seed: int | str) -> list[int]:
    """The seeds of a committee, ``1-3``, or of one model."""
    first, _, last = str(seed).partition("-")
    return list(range(int(first), int(last or first) + 1))


def _seeds(config: "Config", curve: str, protocol: str | None) -> Iterable[int | str]:
    seeds = config.seeds_of(curve)
    together = protocol in config.dynamics and config.dynamics[protocol].committee
    return [f"{seeds[0]}-{seeds[-1]}"] if together and len(seeds) > 1 else seeds


def run_model(config: "Config", run: dict[str, Any]) -> str:
    """The model file of one of ``runs_of``."""
    return model_file(config, run["architecture"], recipes.parse(run["recipe"]), run["seed"])
