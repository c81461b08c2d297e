"""What is given with a call and stands in texts of the configuration as ``{data}`` and ``{foundation}``."""

import re
from pathlib import Path
from typing import Any

from mftl import recipe as recipes
from mftl.config.base import mistake
from mftl.inputs import InputError

NEEDED = {
    "data": "a folder, since {path} is {value}: snakemake --config data=/folder …",
    "foundation": "a model file, a key of foundation_models or a recipe, since {path} is {value}: "
    "snakemake --config foundation=/folder/a.model …",
}


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """The same values with ``{data}`` and ``{foundation}`` in texts replaced by what is given under these keys.

    ``foundation`` that is a file becomes one of the foundation models, under a name made from the file's.
    Raises InputError if a text needs one that is not given.
    """
    given = {key: values.get(key) for key in NEEDED}
    if file := foundation_file(values):
        name = name_of(file)
        values = values | {"foundation_models": {**_models(values), name: file}}
        given["foundation"] = name
    return _replaced(values, given, "")


def foundation_file(values: dict[str, Any]) -> str | None:
    """The model file that ``foundation`` names; None if it is a recipe, the key of a foundation model, or not given."""
    given = values.get("foundation")
    if not isinstance(given, str) or given in _models(values):
        return None
    recipe = recipes.read(given)
    return None if recipe and recipe.stages else given


def name_of(file: str) -> str:
    """A foundation model's name in recipes, from that of its file."""
    name = re.sub(r"[^a-z0-9_-]+", "-", Path(file).stem.lower())
    return name if re.fullmatch(recipes.NAME, name) else f"model-{name}"


def _models(values: dict[str, Any]) -> dict[str, Any]:
    """The foundation models; none if they are no mapping, which is refused with the rest."""
    models = values.get("foundation_models")
    return models if isinstance(models, dict) else {}


def _replaced(value: Any, given: dict[str, Any], path: str) -> Any:
    """A value of the configuration with what is given in its texts; ``path`` is its key's."""
    if isinstance(value, dict):
        return {key: _replaced(one, given, f"{path}.{key}" if path else str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, given, f"{path}.{i}") for i, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    for key, needed in NEEDED.items():
        if f"{{{key}}}" not in value:
            continue
        if not isinstance(given[key], str):
            line = mistake(key, given[key], needed.format(path=path, value=value))
            raise InputError(f"The configuration cannot be used:\n{line}")
        value = value.replace(f"{{{key}}}", given[key])
    return value
