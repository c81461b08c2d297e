"""Advice: which pilot it rests on, and what the rules that judge and draw it are told."""

from typing import Any

from mftl.advice import pilot
from mftl.advice.recommended import basis
from mftl.config.base import mistake
from mftl.config.whole import Config
from mftl.inputs import InputError
from mftl.paths import order_file


def systems(config: Config) -> list[str]:
    """The system that advice is given for, if any."""
    return [config.advice.system] if config.advice else []


def targets(config: Config, wildcards: Any) -> list[str]:
    """All that advice consists of. Raises InputError if the configuration asks for none."""
    if config.advice is None:
        valid = "a section with system and level (docs/advice.md)"
        raise InputError(mistake("advice", None, valid))
    endings = ("pdf", "png", "csv", "md", "yaml")
    files = [f"results/advice/{config.advice.system}.{ending}" for ending in endings]
    program = "vasp" if config.systems[config.advice.system].pool.first(periodic=True) else "orca"
    return files + (
        [f"results/selections/{pilot.NEXT}/seed-1/{program}.csv"] if pilot.NEXT in config.selections else []
    )


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Predictions of the pilot, states of the expensive labels, and the order of what to label next."""
    assert config.advice is not None
    files: dict[str, str | list[str]] = {
        "predictions": [f"results/predictions/{name}.npz" for name in _curves(config)],
        "states": f"results/labels/{config.advice.system}/{config.advice.level}.csv",
        "pool": f"results/pools/{config.advice.system}.extxyz",
        "split": f"results/splits/{config.advice.system}.json",
    }
    if pilot.NEXT in config.selections:
        files["order"] = order_file(pilot.NEXT, 1)
        files["asked"] = order_file(pilot.NEXT, 1).replace("order.csv", "asked.extxyz")
    return files


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What the pilot rests on, and its curves."""
    return {"basis": basis(config), "curves": _curves(config)}


def drawing(config: Config, wildcards: Any) -> dict[str, Any]:
    """How the curves look, and how the axis is called."""
    assert config.advice is not None
    looks = {name: config.look_of(name) for name in _curves(config)}
    return {"looks": looks, "xlabel": f"Training structures at {config.advice.level}"}


def style(config: Config, wildcards: Any) -> dict[str, Any]:
    """How figures look."""
    return config.plot.model_dump(exclude={"colors", "error", "bars"})


def _curves(config: Config) -> list[str]:
    return [one.name for one in pilot.ways(config)]
