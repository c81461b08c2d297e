"""Orders of structures: which model looks at which pool, and what the order is told."""

from typing import Any

from mftl import recipe as recipes
from mftl.checks.selections import require_selection
from mftl.config.selections import Selection
from mftl.config.whole import Config
from mftl.paths import head_of, model_file


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """The pool, its split, the states of the level that labels are wanted at, the model, and labels of a cheap level.

    Raises InputError if the selection cannot be made.
    """
    require_selection(config, wildcards.selection)
    own = _of(config, wildcards)
    folder = f"results/labels/{own.system}"
    files: dict[str, str | list[str]] = {
        "pool": f"results/pools/{own.system}.extxyz",
        "split": f"results/splits/{own.system}.json",
        "states": f"{folder}/{own.level}.csv",
        "model": model_file(config, own.architecture, recipes.parse(own.model), wildcards.seed),
    }
    return files | ({"low": f"{folder}/{own.low}.extxyz"} if own.low else {})


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """How the structures are ordered."""
    unused = {"inputs", "architecture", "model"}
    return _of(config, wildcards).model_dump(exclude=unused)


def weights(config: Config, wildcards: Any) -> list[float] | None:
    """Weights of energies and forces in the loss of fine-tuning, where the order is told of them."""
    own = _of(config, wildcards)
    if own.rule != "variance" or own.features != "forces":
        return None
    loss = config.training_of("default", has_parent=True)
    return [loss.energy_weight, loss.forces_weight]


def head(config: Config, wildcards: Any) -> str | None:
    """Which head of a foundation model looks."""
    return head_of(config, recipes.parse(_of(config, wildcards).model))


def program_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What inputs of a program are written with."""
    return getattr(_of(config, wildcards).inputs, wildcards.program).model_dump()


def _of(config: Config, wildcards: Any) -> Selection:
    return config.selections[wildcards.selection]
