"""Pools read from a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from mftl import extxyz
from mftl.config.base import FileName, missing_file
from mftl.pools.base import Pool
from mftl.sampling import drawn

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class FilePool(Pool):
    """A pool read from a file."""

    file: FileName = Field(
        description="any file of structures that ASE reads; extended XYZ, perhaps .xz, with an `id` for each is best"
    )
    count: PositiveInt | None = Field(None, description="draw so many at random (null: all, in the file's order)")
    seed: int = Field(0, description="another seed draws others")

    def ids(self, root: Path = Path(".")) -> list[str] | None:
        """Ids of the structures in order; None of a file that must be read by ASE, or that is yet to be made."""
        path = root / self.file
        if not self._readable(path):
            return None
        ids = extxyz.read_ids(path)
        return ids if self.count is None else drawn(ids, self.count, self.seed, path)

    def info(self, key: str, root: Path = Path(".")) -> list[str | None] | None:
        """An info key of the structures in order; None of a sample, or of a file that must be read by ASE."""
        path = root / self.file
        return extxyz.read_info(path, key) if not self.count and self._readable(path) else None

    def first(self, periodic: bool, root: Path = Path(".")) -> str | None:
        """Id of the first crystal, or molecule, of the file."""
        path = root / self.file
        return extxyz.first_periodic(path, periodic) if self._readable(path) else None

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line if the file does not exist, unless it is one that the workflow makes."""
        if not self._made:
            yield from missing_file(f"{path}.file", self.file, root)

    @property
    def _made(self) -> bool:
        """Whether the workflow makes the file, such as the structures that a selection asks for."""
        return self.file.startswith("results/")

    def _readable(self, path: Path) -> bool:
        """Whether the file can be looked at without ASE."""
        return extxyz.is_extxyz(path) and (path.is_file() or not self._made)

    def files(self) -> list[str]:
        """The file."""
        return [self.file]

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures as they are read, so that many take no memory."""
        from mftl.structures import Structures

        structures = Structures(self.file)
        if self.count is None:
            return iter(structures)
        return map(structures.__getitem__, drawn(structures.ids, self.count, self.seed, self.file))
