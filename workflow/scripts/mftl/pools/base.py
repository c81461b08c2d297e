"""What all pools can tell of their structures before they are there."""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mftl.config.base import Section

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class Pool(Section):
    """Where the structures of a system come from. File names are relative to ``root``."""

    CITE: ClassVar[tuple[str, ...]] = ()  # keys of resources/citations.bib, of how structures are made

    def ids(self, root: Path = Path(".")) -> list[str] | None:
        """Ids of the structures in order; None if they are known only once the pool is built."""
        raise NotImplementedError

    def size(self, root: Path = Path(".")) -> int | None:
        """How many structures; None if that is known only once the pool is built."""
        ids = self.ids(root)
        return None if ids is None else len(ids)

    def info(self, key: str, root: Path = Path(".")) -> list[str | None] | None:
        """An info key of the structures in order; None if it is known only once the pool is built."""
        raise NotImplementedError

    def first(self, periodic: bool, root: Path = Path(".")) -> str | None:
        """Id of a crystal, or of a molecule; None if there is none, or if that is known only once the pool is built."""
        raise NotImplementedError

    def at_least(self, values: dict[str, list[str]]) -> int:
        """A number of structures whose info key has one of the values, known before the pool is there."""
        return 0

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line for each value that does not fit the data; ``path`` is that of the section."""
        yield from ()

    def files(self) -> list[str]:
        """Files that it is built from; what changes there makes it again."""
        return []

    def seconds(self) -> float:
        """CPU seconds that building takes, roughly, for estimates of costs."""
        return 0.0

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures, each with a unique ``info["id"]``. Raises InputError if one cannot be made."""
        raise NotImplementedError


class Generator(Pool):
    """A pool whose structures are computed."""

    PERIODIC: ClassVar[bool]

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        raise NotImplementedError

    def example(self, count: int) -> "list[Atoms]":
        """Up to ``count`` structures like those of the pool, made quickly, for measuring what one costs."""
        return list(islice(self.build(iter), count))

    @cached_property
    def told(self) -> dict[str, list[str]]:
        """``known``, asked once: a plan wants it for each chunk of labels."""
        return self.known()

    def ids(self, root: Path = Path(".")) -> list[str] | None:
        """Ids of the structures in order; None if they are known only once the pool is built."""
        return self.told.get("id")

    def info(self, key: str, root: Path = Path(".")) -> list[str | None] | None:
        """An info key of the structures in order; None if it is known only once the pool is built."""
        return [*values] if (values := self.told.get(key)) is not None else None

    def first(self, periodic: bool, root: Path = Path(".")) -> str | None:
        """Id of the first structure, if it is of that sort and known."""
        ids = self.ids(root) if periodic == self.PERIODIC else None
        return ids[0] if ids else None
