"""A cube of water around a molecule; built by ``mftl.systems.water_box``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import FileName, Name, missing_file
from mftl.pools.base import Generator

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class WaterBoxPool(Generator):
    """One structure: a periodic cube filled with water by packmol, perhaps around a molecule in its middle."""

    CITE: ClassVar[tuple[str, ...]] = ("martinez2009",)
    PERIODIC: ClassVar[bool] = True

    generator: Literal["water-box"] = Field(description="the name of the generator")
    name: Name = Field(description="the structure's id")
    solute: FileName | None = Field(
        None,
        description="a file whose first structure is in the middle, such as another system's pool, "
        "results/pools/<system>.extxyz (null: water alone)",
    )
    waters: PositiveInt = Field(description="molecules of water")
    edge: PositiveFloat = Field(description="of the cube, Å")
    apart: PositiveFloat = Field(2.0, description="smallest distance of atoms of two molecules, Å, faces included")
    packmol: str = Field("packmol", description="the program: a name on PATH or a path")
    seed: PositiveInt = Field(1, description="another seed gives another box")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structure before it is built."""
        return {"id": [self.name]}

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line for a solute that is not there; results of other jobs may come later."""
        if self.solute is not None and not self.solute.startswith("results/"):
            yield from missing_file(f"{path}.solute", self.solute, root)

    def files(self) -> list[str]:
        """The file with the solute."""
        return [] if self.solute is None else [self.solute]

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structure."""
        from mftl.systems import water_box

        yield water_box.filled(self)

    def example(self, count: int) -> "list[Atoms]":
        """So many molecules of water on a lattice."""
        from mftl.systems import water_box

        return [water_box.lattice(self)]

    def seconds(self) -> float:
        """What packmol takes, roughly."""
        return 0.1 * self.waters
