"""The configuration of a pilot as values that can be written: what it rests on, and what it comes to."""

from typing import Any

from mftl.advice import cheap, pilot
from mftl.advice.pilot import Way
from mftl.config.base import Section
from mftl.config.whole import Config

KEPT = ("seeds", "device", "training", "finetuning", "snapshots", "prediction", "cost")
NAME = "advised"  # of the figure and the curve


def basis(config: Config) -> dict[str, Any]:
    """Values of all that the pilot rests on, with the cheap levels by name: ``checks.load`` makes the same pilot of it.

    ``config`` is one with a pilot.
    """
    own = config.advice
    assert own is not None
    made = {pilot.larger(config)} if own.larger is None else set()
    used = {own.architecture, own.larger} - {None}
    values = {key: _plain(getattr(config, key)) for key in KEPT}
    values |= {
        "systems": {own.system: _plain(config.systems[own.system])},
        "architectures": {name: _plain(config.architectures[name]) for name in sorted(map(str, used - made))},
        "foundation_models": {own.foundation: _plain(config.foundation_models[own.foundation])}
        if own.foundation
        else {},
        "modes": {"default": _plain(config.modes["default"])} if "default" in config.modes else {},  # of pre-training
        "extensions": config.extensions,
        "labels": config.labels.model_dump(mode="json", exclude_unset=True, exclude={"workers"}),  # the machine's
        "advice": _plain(own) | {"cheap": list(cheap.levels(config))},
    }
    return {key: value for key, value in values.items() if value not in ({}, [], None)}


def recommended(config: Config, best: Way, have: int | None, larger: bool) -> dict[str, Any]:
    """A configuration that trains in the way that is advised, on all labels there are, beside training from scratch.

    ``config``: with a pilot; ``have``: how many labels there are to train on; ``larger``: with the larger architecture.
    """
    own = config.advice
    assert own is not None
    values = basis(config)
    del values["advice"]
    scratch, chosen = (config.curves[name] for name in (f"{pilot.PREFIX}scratch", best.name))
    sizes = sorted({*chosen.values, *([have] if have else [])})
    use_larger = larger and best.kind != "foundation"
    architecture = pilot.larger(config) if use_larger else chosen.architecture
    values["architectures"][architecture] = _plain(config.architectures[architecture])
    curves = {"single-fidelity": scratch.model_copy(update={"values": sizes})}
    if best.kind != "scratch" or use_larger:
        curves[NAME] = chosen.model_copy(update={"values": sizes, "architecture": architecture, "role": "mftl"})
    values |= {
        "modes": values.get("modes", {"default": {}}) | {pilot.MODE: {"resample": True}},
        "curves": {name: _plain(curve) for name, curve in curves.items()},
        "figures": {NAME: {"kind": "learning-curves", "curves": [*curves]}},
        "export": [[*curves][-1]],
    }
    if pilot.NEXT in config.selections:
        values["selections"] = {pilot.NEXT: _plain(config.selections[pilot.NEXT])}
    return values


def _plain(value: Any) -> Any:
    """A section as it was written."""
    return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, Section) else value
