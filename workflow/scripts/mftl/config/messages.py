"""What a user is told of values that pydantic refuses."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from mftl import engines, figures, modes, pools
from mftl.config.base import listed, mistake
from mftl.config.curves import Curve
from mftl.config.dynamics import Protocol, Starts
from mftl.config.foundation import FoundationModel
from mftl.config.modes import AnyMode
from mftl.config.splits import Split
from mftl.config.systems import System
from mftl.config.training import Architecture


def explain(config: type[BaseModel], values: dict[str, Any], error: ValidationError) -> str:
    """One line for each of pydantic's errors in ``values`` of the whole configuration."""
    lines = ["The configuration cannot be used:"]
    for e in error.errors():
        loc = e["loc"]
        keys = [key for i, key in enumerate(loc) if not _is_tag(loc, i)]
        if loc[0] == "figures" and e["type"].startswith("union_tag"):
            keys.append("kind")
        given: Any = values
        for key in keys:
            try:
                given = given[key]
            except (KeyError, IndexError, TypeError):
                given = None
                break
        section = _section_at(config, keys[:-1], values)
        lines.append(mistake(".".join(map(str, keys)), given, valid(e, section)))
    return "\n".join(lines)


def _is_tag(loc: tuple, i: int) -> bool:
    """Whether an element of pydantic's path is the tag of a union, and so no key of the configuration."""
    if loc[0] in ("figures", "foundation_models"):
        return i == 2
    if loc[0] != "systems" or len(loc) < 3:
        return False
    if loc[2] == "pool" and loc[4:5] == ("level",) and i == 5:
        return True
    return i == {"pool": 3, "levels": 4}.get(loc[2])


NAMED: dict[str, type[BaseModel]] = {
    "systems": System,
    "architectures": Architecture,
    "curves": Curve,
    "modes": AnyMode,
    "foundation_models": FoundationModel,
    "dynamics": Protocol,
}
INNER: dict[tuple, type[BaseModel]] = {("dynamics", "starts"): Starts, ("systems", "split"): Split}


def _section_at(config: type[BaseModel], keys: list, values: dict) -> type[BaseModel] | None:
    """The section that a path of keys leads to, where that is unambiguous."""
    try:
        match keys:
            case []:
                return config
            case [section]:
                found: Any = config.model_fields[section].annotation
                return found if isinstance(found, type) and issubclass(found, BaseModel) else None
            case ["figures", name]:
                return figures.sections().get(figures.form(values["figures"][name]) or "")
            case [family, _]:
                return NAMED.get(family)
            case ["systems", name, "pool"]:
                return pools.sections().get(pools.form(values["systems"][name]["pool"]))
            case ["systems", name, "pool", "level"]:
                return engines.sections().get(engines.form(values["systems"][name]["pool"]["level"]))
            case ["systems", name, "levels", level]:
                return engines.sections().get(engines.form(values["systems"][name]["levels"][level]))
            case ["modes", _, key]:
                return modes.sections().get(key)
            case [family, _, key]:
                return INNER.get((family, key))
    except (KeyError, TypeError, ValueError):
        pass
    return None


def valid(error: Mapping[str, Any], section: type[BaseModel] | None) -> str:
    """What would be valid, from one of pydantic's errors."""
    if error["type"] == "extra_forbidden":
        return f"no such key; known here: {listed(section.model_fields)}" if section else "no such key"
    if error["type"] in ("missing", "union_tag_not_found"):
        return "this key is required"
    if error["type"] == "union_tag_invalid" and "expected_tags" in error.get("ctx", {}):
        return f"one of {error['ctx']['expected_tags']}"
    message = error["msg"]
    key = error["loc"][-1]
    if section and key in section.model_fields and section.model_fields[key].description:
        message += f" ({section.model_fields[key].description})"
    return message
