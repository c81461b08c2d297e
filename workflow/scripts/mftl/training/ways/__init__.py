"""Ways to train: keys of a mode that do more than replace values of the section ``training``; and joint stages.

A way is the module beside this file that has its key's name; nothing else has to know of it. A module has

- ``change(heads, value)``: changes the heads of a stage before their graphs are made, their models or which there are;
  the first is what the stage makes. What it draws at random, it draws by torch's seed, which is then that of the
  stage. Raises InputError if the value does not fit the model;
- ``read(value, inputs, stage)``, if the value only names what is needed: what takes its place, read from the job's
  input files, which are given by their names in the rule; ``stage`` is for messages. It may hold sets of labelled
  structures, else only what JSON can hold: it is part of what a run is recognised by.

This file needs no torch: the Snakefile asks it for the modules, whose code counts for a stage that is trained so.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mftl.families import folders

if TYPE_CHECKING:
    from mftl.training.heads import Head

__path__.extend(folders(__name__))


def modules(keys: Iterable[str]) -> list[str]:
    """Names of the modules of some ways, for ``sources.source_hash``."""
    return [f"{__name__}.{key}" for key in sorted(keys)]


def read(ways: Mapping[str, Any], inputs: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """What the values of some ways stand for, see above. Raises InputError if a file does not hold what is wanted."""
    needed = {}
    for key, value in ways.items():
        own = getattr(import_module(f"{__name__}.{key}"), "read", None)
        needed[key] = own(value, inputs, stage) if own else value
    return needed


def change(heads: "list[Head]", ways: Mapping[str, Any]) -> None:
    """Let each way change the heads, in the order of their names; ``ways`` is what ``read`` returns."""
    for key in sorted(ways):
        import_module(f"{__name__}.{key}").change(heads, ways[key])
