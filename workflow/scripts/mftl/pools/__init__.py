"""Pools: where the structures of a system come from. A file, a published data set, or a generator.

To add a generator, write a module like those beside this file: it is found there. It has a section derived from
``base.Generator`` whose ``generator: Literal[...]`` is its name. These modules import neither ASE nor RDKit outside
functions that build: the Snakefile asks them on every call.
"""

from functools import cache
from typing import Any

from mftl.families import folders
from mftl.pools.base import Generator, Pool
from mftl.pools.dataset import DatasetPool
from mftl.pools.file import FilePool
from mftl.registry import sections as sections_of

__path__.extend(folders(__name__))


@cache
def sections() -> dict[str, Any]:
    """The sections of all pools, by what ``form`` calls them."""
    return {"file": FilePool, "dataset": DatasetPool} | sections_of(__name__, Generator, "generator")


def form(pool: Any) -> str:
    """Which section describes a pool, as it is written: of a generator, a ``dataset`` or a ``file``."""
    known = pool if isinstance(pool, dict) else dict(pool)
    return known.get("generator", "dataset" if "dataset" in known else "file")


def pool(values: dict[str, Any]) -> Pool:
    """The section of a pool, from its values."""
    return sections()[form(values)](**values)
