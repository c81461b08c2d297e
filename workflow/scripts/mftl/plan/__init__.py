"""Planning: which inputs a job has and which values it takes, from the configuration and the wildcards of its outputs.

Functions of the configuration alone, without Snakemake; the rules name them. Imports neither torch nor ASE.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mftl import recipe
from mftl.config.base import FIGURE
from mftl.config.whole import Config
from mftl.inputs import InputError

# what the wildcards of all rules may be
CONSTRAINTS = {
    "system": recipe.NAME,
    "level": recipe.LEVEL,
    "architecture": "[A-Za-z0-9_-]+",
    "seed": r"\d+",
    "curve": recipe.NAME,
    "protocol": recipe.NAME,
    "figure": FIGURE,
}


def planner(config: Config, error: type[Exception]) -> Callable[[Callable], Callable[[Any], Any]]:
    """What makes of a function of configuration and wildcards one of wildcards alone, as rules take it.

    What it raises as InputError comes out as ``error``, which Snakemake shows without a traceback.
    """

    def of(function: Callable, *arguments: Any) -> Callable[[Any], Any]:
        def planned(wildcards: Any) -> Any:
            try:
                return function(config, wildcards, *arguments)
            except InputError as reason:
                raise error(str(reason)) from None

        return planned

    return of


def one_of(names: Iterable[str]) -> str:
    """A wildcard constraint that matches only these names, and nothing if there are none."""
    return "|".join(names) or "(?!)"
