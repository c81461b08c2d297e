"""Plugs: kinds of figures, pools, engines and ways to train, each a module that its family's folder makes known.

A family is a package, such as ``mftl.figures``. Its plugs are the modules in it, and those in a folder of the same name
(``figures``) in each folder of the configuration's ``extensions``. A plug's section of the configuration is a class
whose tag (``kind: Literal["stability"]``) is what a user writes. Nothing else names a plug.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated, Any, Union, get_args

from pydantic import BaseModel, Discriminator, Tag

from mftl.families import EXTENSIONS, folders
from mftl.inputs import InputError


def extend(given: Iterable[str]) -> None:
    """Look for plugs in these folders too, in this process and in those that it starts.

    To be called before the configuration is imported. Raises InputError if one of them is not there.
    """
    given = list(given)
    for i, folder in enumerate(given):
        if not Path(folder).is_dir():
            raise InputError(f"  extensions.{i}: got {folder!r}; valid: a folder that exists")
    os.environ[EXTENSIONS] = os.pathsep.join(str(Path(folder).absolute()) for folder in given)
    for name, module in list(sys.modules.items()):
        if name.startswith("mftl.") and hasattr(module, "__path__"):
            module.__path__.extend(one for one in folders(name) if one not in module.__path__)


def sections(family: str, base: type[BaseModel], key: str) -> dict[str, type[Any]]:
    """The sections of a family's plugs by their tags, in the order of the modules' names.

    ``family``: its package; ``base``: what the sections derive from; ``key``: the one that holds the tag. A plug that
    is a package has its section in a module ``section`` of it.
    """
    found: dict[str, type[Any]] = {}
    for section in _classes(family, base):
        if key not in section.model_fields:
            continue  # what several have in common
        (tag,) = get_args(section.model_fields[key].annotation)
        if tag in found:
            raise ImportError(f"{section.__module__} and {found[tag].__module__} both call themselves {tag}")
        found[tag] = section
    return found


def by_module(family: str, base: type[BaseModel]) -> dict[str, type[Any]]:
    """The sections of a family's plugs by the names of their modules."""
    return {module_of(section).rpartition(".")[2]: section for section in _classes(family, base)}


def module_of(section: type[Any]) -> str:
    """The name of a plug's module, from its section."""
    return section.__module__.removesuffix(".section")


def union(tagged: dict[str, type[Any]], tag_of: Callable[[Any], str | None]) -> Any:
    """The type of a value that is one of several sections; ``tag_of`` tells which from the value as it is written."""
    options = tuple(Annotated[section, Tag(tag)] for tag, section in tagged.items())
    return Annotated[Union[options], Discriminator(tag_of)]  # noqa: UP007


def _classes(family: str, base: type[BaseModel]) -> Iterator[type[Any]]:
    for module in _modules(family):
        for one in vars(module).values():
            if (
                isinstance(one, type)
                and issubclass(one, base)
                and one is not base
                and one.__module__ == module.__name__
            ):
                yield one


def _modules(family: str) -> Iterator[Any]:
    package = import_module(family)
    for found in sorted(iter_modules(package.__path__), key=lambda one: one.name):
        name = f"{family}.{found.name}"
        if not found.ispkg:
            yield import_module(name)
        elif any(one.name == "section" for one in iter_modules(import_module(name).__path__)):
            yield import_module(f"{name}.section")
