"""The pilot: several ways to train as ordinary curves, so that ordinary rules train, predict and select for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mftl.advice import cheap
from mftl.config.curves import Curve
from mftl.config.modes import AnyMode
from mftl.config.plot import ROLES
from mftl.config.selections import Selection
from mftl.config.whole import Config

PREFIX = "advice-"  # of all curves of the pilot
MODE = "advice"  # in which each seed has other training structures
NEXT = "advice-next"  # the order of what to label next
LARGER = "advice-larger"
Available = Callable[[Config, str, str], int | None]
Kind = Literal["scratch", "mftl", "foundation", "delta", "larger"]


@dataclass(frozen=True)
class Way:
    """A way to train: a curve of the pilot. ``low``: its cheap level; ``of``: the way whose larger model it is."""

    name: str
    kind: Kind
    low: str | None = None
    of: str | None = None


def ways(config: Config) -> list[Way]:
    """The ways that a configuration with a pilot tries, from scratch first, the larger architecture last."""
    return [one for one in _possible(config, list(cheap.levels(config))) if one.name in config.curves]


def _possible(config: Config, lows: list[str]) -> list[Way]:
    own = config.advice
    assert own is not None
    found = [Way(f"{PREFIX}scratch", "scratch"), *(Way(f"{PREFIX}{low}", "mftl", low) for low in lows)]
    if own.foundation:
        found.append(Way(f"{PREFIX}foundation-model", "foundation"))
    if own.delta:
        found += [Way(f"{PREFIX}delta-{low}", "delta", low) for low in lows]
    first = found[1] if lows else found[0]
    return [*found, Way(LARGER, "larger", first.low, first.name)]


def larger(config: Config) -> str:
    """The name of the larger architecture."""
    assert config.advice is not None
    return config.advice.larger or f"{config.advice.architecture}-twice-the-channels"


def with_pilot(config: Config, available: Available) -> Config:
    """The configuration with the pilot: cheap levels, a mode, an architecture, curves and a selection.

    ``available``: structures that can be trained on at a level of a system.
    """
    own = config.advice
    assert own is not None
    system, levels = config.systems[own.system], cheap.levels(config)
    system = system.model_copy(update={"levels": system.levels | levels})
    changes = {"systems": config.systems | {own.system: system}, "modes": config.modes | {MODE: AnyMode(resample=True)}}
    if own.larger is None:
        small = config.architectures[own.architecture]
        twice = {"channels": 2 * small.channels, "readout_channels": 2 * small.readout_channels}
        changes["architectures"] = config.architectures | {larger(config): small.model_copy(update=twice)}
    found = config.model_copy(update=changes)
    found.__dict__.pop("models", None)  # they are others now
    trained = {low: _least(own.pretraining, available(found, own.system, low)) for low in levels}
    curves = {}
    for way in _possible(found, [*levels]):
        both = available(found, own.system, f"{own.level}~{way.low}") if way.kind == "delta" else None
        if both is None or both >= own.sizes[-1]:  # Δ-learning needs both labels of a structure
            curves[way.name] = _curve(found, way, trained)
    found = found.model_copy(update={"curves": found.curves | curves})
    left = _left(found, available)
    if not left:
        return found
    looking = own.foundation or _parent(found, next(iter(trained.items()))) if own.foundation or trained else None
    chosen = Selection(
        system=own.system,
        level=own.level,
        model=looking or curves[f"{PREFIX}scratch"].recipe.replace("*", str(own.sizes[-1])),
        architecture=own.architecture,
        structures=left,
        pilot=own.sizes[0],  # there are more labels than that
    )
    return found.model_copy(update={"selections": found.selections | {NEXT: chosen}})


def _left(config: Config, available: Available) -> int:
    """How many structures are chosen for the next labels: no more than are known to have none."""
    own = config.advice
    assert own is not None
    split, size = config.systems[own.system].split, config.systems[own.system].pool.size()
    assert split is not None
    labelled = available(config, own.system, own.level)
    if size is None or labelled is None:
        return 0
    return max(0, min(own.next, size - split.test - split.validation - labelled))


def _curve(config: Config, way: Way, trained: dict[str, int]) -> Curve:
    """The curve of a way; ``trained``: how many structures of each cheap level are learned first."""
    own = config.advice
    assert own is not None
    label, role, architecture, values = {
        "scratch": ("From scratch", "single-fidelity"),
        "mftl": (f"MFTL from {way.low}", _role(way, trained)),
        "foundation": (f"From {own.foundation}", "foundation"),
        "delta": (f"Δ on {way.low}", "delta" if way.low == next(iter(trained), None) else None),
        "larger": ("Larger model", None),
    }[way.kind] + (own.architecture, sorted(own.sizes))
    last = f"{own.system}.{own.level}.n*.{MODE}"
    start = _parent(config, (way.low, trained[way.low])) if way.low else own.foundation
    if way.kind == "larger":
        architecture, values = larger(config), values[-1:]
    recipe = last if start is None or way.kind == "scratch" else f"{start}/{last}"
    if way.kind == "delta":
        recipe = f"{own.system}.{own.level}~{way.low}.n*.{MODE}"
    elif way.kind == "larger" and way.low is None:
        recipe = last
    return Curve(label=label, recipe=recipe, values=values, architecture=architecture, role=role)


def _parent(config: Config, learned: tuple[str, int]) -> str:
    """The recipe of a model that knows a cheap level."""
    assert config.advice is not None
    low, count = learned
    return f"{config.advice.system}.{low}.n{count}.e{config.advice.epochs}"


def _role(way: Way, trained: dict[str, int]) -> str | None:
    if way.low in ROLES:
        return way.low
    return "mftl" if way.low == next(iter(trained), None) else None


def _least(wanted: int, there: int | None) -> int:
    return wanted if there is None else min(wanted, there)
