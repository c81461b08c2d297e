"""Cheap levels that a pilot tries: those that are named, or those that the installed engines offer."""

from collections.abc import Iterator
from typing import Any

from mftl import engines
from mftl.config.base import listed, mistake
from mftl.config.systems import System
from mftl.config.whole import Config
from mftl.inputs import InputError

# by engine and name of the level: settings other than the defaults
OFFERED: dict[str, dict[str, dict[str, str]]] = {
    "tblite": {"gfn2-xtb": {"method": "GFN2-xTB"}, "gfn1-xtb": {"method": "GFN1-xTB"}},
    "dftb+": {"dftb-ptbp": {}},
    "stillinger-weber": {"stillinger-weber": {}},
}


def levels(config: Config) -> dict[str, Any]:
    """Sections of the cheap levels by name; a level of the system that is the same, or has the name, is taken."""
    own, system = _asked(config)
    if own.cheap != "auto":
        return {name: system.levels[name] for name in own.cheap}
    found: dict[str, Any] = {}
    for name, section in _offered():
        if _reason(section, system, installed=True) is None:
            known = (one for one, other in system.levels.items() if _same(other, section) and one != own.level)
            found[next(known, name)] = section
    return {name: system.levels.get(name, section) for name, section in found.items()}


def mistakes(config: Config) -> Iterator[str]:
    """A line if no cheap level can label the structures, or for each that is named and cannot."""
    own, system = _asked(config)
    if own.cheap == "auto":
        if not levels(config):
            reasons = {name: _reason(section, system, installed=True) for name, section in _offered()}
            told = "; ".join(f"{name}: {why}" for name, why in reasons.items())
            yield mistake("advice.cheap", "auto", f"levels of {own.system} that label its structures, or [] ({told})")
        return
    for i, name in enumerate(own.cheap):
        if name not in system.levels or name == own.level:
            others = listed(one for one in system.levels if one != own.level) or "none but the expensive one"
            yield mistake(f"advice.cheap.{i}", name, f"other levels of {own.system} than {own.level}: {others}")
        elif hasattr(system.levels[name], "engine") and (why := _reason(system.levels[name], system, installed=False)):
            yield mistake(f"advice.cheap.{i}", name, f"a level that labels the structures of {own.system}: {why}")


def _asked(config: Config) -> tuple[Any, System]:
    assert config.advice is not None
    return config.advice, config.systems[config.advice.system]


def _offered() -> Iterator[tuple[str, Any]]:
    for engine, known in OFFERED.items():
        for name, settings in known.items():
            yield name, engines.level({"engine": engine} | settings)


def _same(one: Any, other: Any) -> bool:
    """Whether two levels have the same engine with the same settings, whatever part of the structures they label."""
    parts = {"first", "only", "also", "chunk_size"}
    return type(one) is type(other) and one.model_dump(exclude=parts) == other.model_dump(exclude=parts)


def _reason(level: Any, system: System, installed: bool) -> str | None:
    """Why a level's engine cannot label a system's structures; None if it can. ``installed``: it has to be here."""
    engine = engines.engine(level.engine)
    crystal, molecule = system.pool.first(periodic=True), system.pool.first(periodic=False)
    if why := engines.refusal(level, system.elements, crystal, molecule):
        return why
    try:
        if not getattr(engine, "made", lambda _: [])(level):
            engine.files(level, system.elements)
    except InputError as error:
        return str(error).splitlines()[0]
    missing = engine.installed(level) if installed else None
    return f"the engine {level.engine} is not installed: {missing}" if missing else None
