"""Studies: files with the systems, curves, figures and the like of one study, which a configuration lists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mftl.config.base import ROOT, mistake
from mftl.inputs import InputError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is


def complete(values: dict[str, Any], root: Path = ROOT) -> dict[str, Any]:
    """A configuration with all that it rests on; its own values come first, then its studies'.

    One that describes systems or lists studies stands alone; any other one changes values of ``config.yaml``. Files are
    sought in the current folder, then in ``root``, where the workflow lies. Raises InputError if one is not there or
    holds something else than a mapping, or if two studies give one name different meanings.
    """
    if not {"systems", "studies"} & values.keys():
        values = overlaid(yaml.load((root / "config.yaml").read_text(encoding="utf-8"), LOADER), values)
    names = values.get("studies") or []
    if not isinstance(names, list):
        return values  # refused with the rest
    merged: dict[str, Any] = {}
    for i, name in enumerate(names):
        path = next((one for one in (Path(name), root / name) if one.is_file()), None)
        if path is None:
            line = mistake(f"studies.{i}", name, "a file that exists")
            raise InputError(f"The configuration cannot be used:\n{line}")
        study = yaml.load(path.read_text(encoding="utf-8"), LOADER)
        if not isinstance(study, dict) or "studies" in study:
            line = mistake(f"studies.{i}", name, "a file of sections such as systems, curves and figures")
            raise InputError(f"The configuration cannot be used:\n{line}")
        for section, entries in study.items():
            for entry in entries if isinstance(entries, dict) else ():
                known = merged.get(section, {})
                if entry in known and known[entry] != entries[entry]:
                    line = mistake(f"{section}.{entry}", f"another in {name} than in a study before it", "one of them")
                    raise InputError(f"The configuration cannot be used:\n{line}")
        merged = overlaid(merged, study)
    return overlaid(merged, values)


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two configurations as one: mappings are merged, of all other values those of ``above`` count."""
    result = dict(below)
    for key, value in above.items():
        own = result.get(key)
        result[key] = overlaid(own, value) if isinstance(own, Mapping) and isinstance(value, Mapping) else value
    return result
