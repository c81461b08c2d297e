"""Checks of what advice is asked for, before its pilot is made."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mftl.advice import cheap, pilot
from mftl.config.base import listed, mistake
from mftl.config.levels import FileLevel
from mftl.config.whole import Config
from mftl.extxyz import read_ids
from mftl.inputs import InputError

Available = Callable[[Config, str, str], int | None]


def mistakes(config: Config, available: Available, root: Path) -> Iterator[str]:
    """A line for each thing for which there can be no pilot."""
    own = config.advice
    assert own is not None
    if own.system not in config.systems:
        yield mistake("advice.system", own.system, f"the systems: {listed(config.systems)}")
        return
    system = config.systems[own.system]
    if own.level not in system.levels:
        yield mistake("advice.level", own.level, f"the levels of {own.system}: {listed(system.levels)}")
        return
    if system.split is None:
        yield mistake(f"systems.{own.system}.split", None, "a split: advice is judged on structures kept for testing")
        return
    yield from cheap.mistakes(config)
    for key in ("architecture", "larger"):
        if (name := getattr(own, key)) is not None and name not in config.architectures:
            yield mistake(f"advice.{key}", name, f"the architectures: {listed(config.architectures)}")
    if own.foundation and own.foundation not in config.foundation_models:
        known = listed(config.foundation_models) or "none is configured"
        yield mistake("advice.foundation", own.foundation, f"a key of foundation_models ({known})")
    if sorted(set(own.sizes)) != own.sizes:
        yield mistake("advice.sizes", own.sizes, "sizes that rise")
    if own.quantity == "forces" and not system.levels[own.level].has_forces:
        yield mistake("advice.quantity", "forces", f"energy, since labels at {own.level} have no forces")
    if "forces" in own.wanted and not system.levels[own.level].has_forces:
        yield mistake("advice.wanted", own.wanted, f"energy alone, since labels at {own.level} have no forces")
    yield from _names(config)
    yield from _unlabelled(config, root)
    for i, low in enumerate(own.cheap if own.cheap != "auto" else ()):
        if low in system.levels and available(config, own.system, low) == 0:
            yield mistake(f"advice.cheap.{i}", low, "a level with labels of structures to train on")
    try:
        limit = available(config, own.system, own.level)
    except (InputError, OSError) as error:
        yield f"  systems.{own.system}: {error}"
        return
    if limit is not None and own.sizes[-1] > limit:
        yield mistake(
            "advice.sizes",
            own.sizes,
            f"at most {limit} labels: so many structures of {own.system} are labelled at {own.level}, less "
            f"{system.split.test} to test and {system.split.validation} to validate; label more (docs/selections.md)",
        )


def _unlabelled(config: Config, root: Path) -> Iterator[str]:
    """A line if structures have no label in the file of the expensive level: they would count as failed."""
    own = config.advice
    assert own is not None
    level, ids = config.systems[own.system].levels[own.level], config.systems[own.system].pool.ids(root)
    if ids is None or not isinstance(level, FileLevel) or level.first or level.only:
        return
    lacking = len(set(ids) - set(read_ids(root / level.file)))
    if lacking > config.labels.max_failed_fraction * len(ids):
        valid = f"outputs: [{level.file}] in place of it, since {lacking} of {len(ids)} structures have no label yet"
        yield mistake(f"systems.{own.system}.levels.{own.level}.file", level.file, f"{valid}; a file's count as failed")


def _names(config: Config) -> Iterator[str]:
    """Names of yours that the pilot needs."""
    own = config.advice
    assert own is not None
    taken = [("curves", name) for name in config.curves if name.startswith(pilot.PREFIX)]
    taken += [("modes", pilot.MODE)] * (pilot.MODE in config.modes)
    taken += [("selections", pilot.NEXT)] * (pilot.NEXT in config.selections)
    taken += [("architectures", pilot.larger(config))] * (
        own.larger is None and pilot.larger(config) in config.architectures
    )
    for section, name in taken:
        yield mistake(f"{section}.{name}", name, "another name: advice makes one of this name")
