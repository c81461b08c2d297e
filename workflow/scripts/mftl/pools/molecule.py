"""What pools of a single molecule have in common whose structures are computed at a level of theory."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from mftl import engines, registry
from mftl.config.base import FileName, Name, missing_file, mistake
from mftl.config.levels import EngineLevel
from mftl.pools.base import Generator

if TYPE_CHECKING:  # what it is depends on the plugs that are found
    from ase import Atoms

    AnyEngine = Any
else:
    AnyEngine = registry.union(engines.sections(), engines.form)


class MoleculePool(Generator):
    """Structures of one neutral molecule, made from its minimum at a level of theory."""

    PERIODIC: ClassVar[bool] = False

    name: Name = Field(description="what the ids begin with, and the info key `molecule`")
    smiles: str | None = Field(None, description="SMILES of the molecule")
    start: FileName | None = Field(None, description="instead: a file whose first structure it is")
    level: AnyEngine = Field(description="a level of theory with an engine, {engine: tblite, method: GFN2-xTB}")
    seed: list[int] = Field([0], description="seeds of the random numbers, first of the molecule's conformation")

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line for a molecule that is given twice or not at all, and for a level that cannot compute it."""
        if (self.smiles is None) == (self.start is None):
            yield mistake(path, {"smiles": self.smiles, "start": self.start}, "either smiles or start")
        if self.start is not None:
            yield from missing_file(f"{path}.start", self.start, root)
        for key, field in EngineLevel.model_fields.items():
            if getattr(self.level, key) != field.get_default(call_default_factory=True):
                yield mistake(f"{path}.level.{key}", getattr(self.level, key), "no such key here: nothing is labelled")
        if refusal := engines.refusal(self.level, (), None, self.first(periodic=False, root=root)):
            yield mistake(f"{path}.level.engine", self.level.engine, f"an engine for molecules: {refusal}")

    def files(self) -> list[str]:
        """The file with the molecule, if there is one."""
        return [] if self.start is None else [self.start]

    def example(self, count: int) -> "list[Atoms]":
        """The molecule, not relaxed: that may take long."""
        from mftl.structures import Structures
        from mftl.systems.molecules import embedded

        return [Structures(self.start).at(0) if self.start else embedded(str(self.smiles), 0)]
