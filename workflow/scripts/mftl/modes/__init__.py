"""What a mode may do besides replacing values of `training`: keys of a mode, a module each.

To add one, write a module like those beside this file, whose name is the key, and one of the same name in
``mftl.training.ways``: both are found there. The section is derived from ``base.Way``. These modules import neither ASE
nor torch: the Snakefile asks them on every call.
"""

from functools import cache
from typing import Any

from mftl.families import folders
from mftl.modes.base import Way
from mftl.registry import by_module

__path__.extend(folders(__name__))


@cache
def sections() -> dict[str, Any]:
    """The sections of all such keys, by key."""
    return by_module(__name__, Way)
