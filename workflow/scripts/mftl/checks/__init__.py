"""Checks of the configuration against itself and against the data, before the first job.

Imports neither torch nor ASE.
"""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mftl import figures
from mftl import recipe as recipes
from mftl.advice.pilot import NEXT, PREFIX, with_pilot
from mftl.checks import advice, curves, orders, robustness, selections, systems
from mftl.config.base import listed, missing_file, mistake, study
from mftl.config.curves import Curve
from mftl.config.dynamics import Starts
from mftl.config.foundation import FoundationDownload
from mftl.config.messages import valid
from mftl.config.modes import single
from mftl.config.plot import ROLES
from mftl.config.training import Training
from mftl.config.whole import Config, parse
from mftl.inputs import InputError
from mftl.robustness import tested

# results/<name> of other rules
RESERVED = (
    "advice",
    "benchmarks",
    "convergence",
    "cost",
    "cost-targets",
    "export",
    "figures",
    "forecasts",
    "paper",
    "provenance",
    "robustness",
    "verify_labels",
)
RESERVED_FOLDERS = ("advice", "benchmarks", "best", "comparisons", "convergence", "costs", "datasets", "downloads",
                    "dynamics", "export", "foundation_models", "labels", "levels", "logs", "models", "pools",
                    "predictions", "robustness", "selections", "slater-koster", "splits")  # fmt: skip


def load(values: dict[str, Any], root: Path = Path(".")) -> Config:
    """A configuration whose values fit each other and the files they name; file names are relative to ``root``.

    What figures ask for is looked at when they are asked for, by ``of_figure``: one that nobody wants stops nobody.
    Raises InputError with one line for each mistake: the key's path, the value given, and what would be valid.
    """
    config = parse(values)
    mistakes = list(_mistakes(config, root))
    if config.advice and not mistakes:
        config, mistakes = _with_pilot(config, root)
    if config.robustness and not mistakes:
        config, mistakes = _with_tests(config, root)
    if mistakes:
        raise InputError("\n".join(["The configuration cannot be used:", *mistakes]))
    return config


def _with_pilot(config: Config, root: Path) -> tuple[Config, list[str]]:
    """The configuration with the curves of a pilot, and a line for each thing for which there can be none."""
    known: dict[tuple[str, str], int | None] = {}  # a pool of 10⁵ is read once for each level

    def available(config: Config, system: str, level: str) -> int | None:
        if (system, level) not in known:
            known[system, level] = systems.available(config, system, level, root)
        return known[system, level]

    if lines := list(advice.mistakes(config, available, root)):
        return config, lines
    config = with_pilot(config, available)
    for name, curve in config.curves.items():
        if name.startswith(PREFIX):
            lines += curves.mistakes(config, f"curves.{name}", curve, partial(available, config), root)
    for name in config.selections:
        if name == NEXT:
            lines += selections.mistakes(config, name, root)
    return config, lines


def _with_tests(config: Config, root: Path) -> tuple[Config, list[str]]:
    """The configuration with the curves and protocols of tests, and a line for each thing that cannot be tested."""
    if lines := list(robustness.mistakes(config, root)):
        return config, lines
    return tested.with_tests(config, root), []


def of_figure(config: Config, name: str, root: Path = Path(".")) -> list[str]:
    """A line for each thing for which a figure cannot be made: the key's path, the value given, what would be valid."""
    path, figure = f"figures.{name}", config.figures[name]
    lines = list(figure.mistakes(config, path))
    for key, architecture, model in figure.models():
        if model not in config.foundation_models:
            asked = Curve(label=name, recipe=model, architecture=architecture, values=[1])
            available = partial(systems.available, config, root=root)
            lines += curves.mistakes(config, path, asked, available, root, key)
    return lines


def require_figure(config: Config, name: str, root: Path = Path(".")) -> None:
    """Raise InputError, with a line for each reason, if a figure cannot be made."""
    if mistakes := of_figure(config, name, root):
        raise InputError("\n".join([f"The figure {name} cannot be made:", *mistakes]))


def _mistakes(config: Config, root: Path) -> Iterator[str]:
    """A line for each value that contradicts another one or a file."""
    yield from systems.mistakes(config, root)
    for name, model in config.foundation_models.items():
        file = config.foundation_of(name).file
        if file == config.foundation and not (root / file).is_file():
            known = listed(one for one in config.foundation_models if one != name) or "none is configured"
            valid = f"a model file that exists, a recipe or a key of foundation_models ({known})"
            yield mistake("foundation", file, valid)
        elif not isinstance(model, FoundationDownload):
            yield from missing_file(f"foundation_models.{name}", file, root)
    yield from _training_mistakes(config)
    yield from orders.of_modes(config)
    for name in config.selections:
        yield from selections.mistakes(config, name, root)
    available = cache(partial(systems.available, config, root=root))
    for name, curve in config.curves.items():
        yield from curves.mistakes(config, f"curves.{name}", curve, available, root)
        if curve.role and curve.role not in ROLES | config.plot.colors:
            known = listed(ROLES | config.plot.colors)
            yield mistake(f"curves.{name}.role", curve.role, f"a built-in role or a key of plot.colors ({known})")
    for name, protocol in config.dynamics.items():
        yield from _start_mistakes(config, f"dynamics.{name}.starts", protocol.starts)
        if (limit := protocol.max_force_deviation) is not None and not protocol.committee:
            yield mistake(
                f"dynamics.{name}.max_force_deviation", limit, "null, or committee: true: one model has no spread"
            )
    tables = (folder for kind in figures.sections().values() for folder in (*kind.FOLDERS, *kind.MEASURED))
    taken = {*RESERVED_FOLDERS, *tables}
    for name in config.figures:
        folder = study(name).rstrip("/")
        if name in RESERVED or folder in taken:
            yield mistake(f"figures.{name}", name, f"another name: results/{folder or name} is something else")
    for i, name in enumerate(config.export):
        recipe = config.open_recipe(name)
        if recipe is None or not recipe.stages or recipe.last.epochs is not None:
            yield mistake(f"export.{i}", name, "a curve of trained models, none of snapshots")


def _training_mistakes(config: Config) -> Iterator[str]:
    """What is wrong with the values that fine-tuning and modes replace, and with names of modes."""
    overrides = {"training": {}, "finetuning": config.finetuning}
    overrides |= {f"modes.{name}.training": mode.training for name, mode in config.modes.items()}
    for path, values in overrides.items():
        try:
            merged = Training(**(config.training.model_dump() | values))
        except ValidationError as error:
            for e in error.errors():
                key = str(e["loc"][0])
                yield mistake(f"{path}.{key}", values.get(key), valid(e, Training))
            continue
        if not merged.energy_weight and not merged.forces_weight:
            yield mistake(f"{path}.energy_weight", 0, "more than 0, since forces_weight is 0 too: nothing is learned")
    for name in config.modes:
        if not recipes.is_mode(name):
            yield mistake(f"modes.{name}", name, "another name: in a recipe this one says which snapshot a stage is")
        elif (one := single(name)) is not None:
            yield mistake(
                f"modes.{name}", name, f"another name: in a recipe this one means {one} with twice the budget"
            )


def _start_mistakes(config: Config, path: str, starts: Starts) -> Iterator[str]:
    """What is wrong with what simulations start from."""
    if (starts.system is None) == (starts.crystal is None):
        given = {"system": starts.system, "crystal": starts.crystal and starts.crystal.model_dump()}
        yield mistake(path, given, "either system or crystal")
    elif starts.system and starts.system not in config.systems:
        yield mistake(f"{path}.system", starts.system, f"the systems: {listed(config.systems)}")
    elif starts.system and starts.set != "all" and config.systems[starts.system].split is None:
        yield mistake(f"systems.{starts.system}.split", None, f"a split, since {path}.set is {starts.set}; or set: all")
