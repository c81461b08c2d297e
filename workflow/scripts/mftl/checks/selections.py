"""Checks of orders of structures: of selections against the rest of the configuration."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mftl import recipe as recipes
from mftl.checks import curves, systems
from mftl.config.base import listed, mistake
from mftl.config.curves import Curve
from mftl.config.whole import Config
from mftl.inputs import InputError


def mistakes(config: Config, name: str, root: Path = Path(".")) -> Iterator[str]:
    """A line for each thing for which an order cannot be made."""
    own, path = config.selections[name], f"selections.{name}"
    if own.system not in config.systems:
        yield mistake(f"{path}.system", own.system, f"the systems: {listed(config.systems)}")
        return
    system = config.systems[own.system]
    if system.split is None:
        yield mistake(f"systems.{own.system}.split", None, f"a split, since {path} orders the training set")
    for key, level in (("level", own.level), ("low", own.low)):
        if level is not None and level not in system.levels:
            yield mistake(f"{path}.{key}", level, f"the levels of {own.system}: {listed(system.levels)}")
    if (own.rule == "low-level-error") != (own.low is not None):
        valid = "a level that is labelled already, for rule: low-level-error" if own.low is None else "null"
        yield mistake(f"{path}.low", own.low, valid)
    if own.resample and not own.rehearsal:
        yield mistake(f"{path}.resample", True, "false: in a rehearsal alone each seed has a pilot of its own")
    if own.model not in config.foundation_models:
        asked = Curve(label=name, recipe=own.model, architecture=own.architecture, values=[1])
        yield from curves.mistakes(config, path, asked, partial(systems.available, config, root=root), root, "model")
    if name in (chain := _behind(config, name)):
        valid = f"a model that is not trained in this very order ({' > '.join(chain)})"
        yield mistake(f"{path}.model", own.model, valid)


def require_selection(config: Config, name: str, root: Path = Path(".")) -> None:
    """Raise InputError, with a line for each reason, if an order cannot be made."""
    if name not in config.selections:
        known = listed(config.selections) or "none is configured"
        raise InputError(mistake("selections", name, f"one of the selections ({known})"))
    if found := list(mistakes(config, name, root)):
        raise InputError("\n".join([f"The selection {name} cannot be made:", *found]))


def _behind(config: Config, name: str) -> list[str]:
    """The selections in whose order the models are trained that a selection rests on, its own among them if so."""
    found: list[str] = []
    todo = [name]
    while todo:
        recipe = recipes.read(config.selections[todo.pop()].model)
        for stage in recipe.stages if recipe else ():
            mode = config.mode(stage.mode)
            if mode is not None and mode.order in config.selections and mode.order not in found:
                found.append(mode.order)
                todo.append(mode.order)
    return found
