"""Kinds of figures: what each one's section of the configuration holds, what it needs, and what is wrong with it.

To add a kind, write a module like those beside this file, and one of the same name in ``mftl.plotting`` with
``draw(inputs, params, style)``: both are found there. The section is derived from ``base.Figure``, and its
``kind: Literal[...]`` is the name of the kind. These modules import neither ASE, torch nor matplotlib: the Snakefile
asks them on every call.
"""

from functools import cache
from typing import Any

from mftl.families import folders
from mftl.figures.base import Figure
from mftl.registry import sections as sections_of

__path__.extend(folders(__name__))


@cache
def sections() -> dict[str, Any]:
    """The sections of all kinds of figures, by kind."""
    return sections_of(__name__, Figure, "kind")


def form(figure: Any) -> str | None:
    """Which kind a figure is of, as it is written."""
    known = figure if isinstance(figure, dict) else dict(figure)
    return known.get("kind")
