"""Small distorted cells of an element; built by ``mftl.systems.crystals``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Element, Name
from mftl.pools.base import Generator

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class CrystalPool(Generator):
    """A pool of small distorted cells of an element with a bcc ground state, and a few larger ones."""

    PERIODIC: ClassVar[bool] = True

    generator: Literal["crystals"] = Field(description="the name of the generator")
    name: Name = Field(description="what the ids begin with")
    element: Element = Field(description="chemical symbol")
    lattice_constant: PositiveFloat = Field(description="of bcc, Å; other lattices follow by ratios")
    structures: PositiveInt = Field(100, description="small cells, of the `kinds` in turn")
    kinds: list[Literal["gamma", "strained", "vacancy", "surface", "bulk"]] = Field(
        ["gamma", "strained", "vacancy", "surface", "bulk"],
        min_length=1,
        description="γ surfaces (bcc cut and shifted, 8 atoms), strained primitive cells, bcc of 15 atoms with a "
        "vacancy, slabs of 8 layers, bulk of 8 atoms",
    )
    larger: dict[Literal["vacancy26", "slab12"], PositiveInt] = Field(
        {}, description="how many larger cells come last: bcc of 26 atoms with a vacancy, slabs of 12 layers"
    )
    shear: PositiveFloat = Field(0.04, description="of `strained` cells: the size of the random strain")
    volume: PositiveFloat = Field(0.25, lt=1, description="of `strained` cells: the largest relative change of volume")
    closest: PositiveFloat = Field(2.0, description="cells with two atoms closer than this (Å) are drawn again")
    leave_out: PositiveFloat | None = Field(
        None,
        description="small cells with two atoms closer than this (Å) are left out; others keep their numbers, and more "
        "are drawn (null: none)",
    )
    seed: list[int] = Field([0], description="seeds of the random numbers")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order.

        With ``leave_out`` nothing: which cells are left out is not known.
        """
        if self.leave_out is not None:
            return {}
        kinds = [self.kinds[k % len(self.kinds)] for k in range(self.structures)]
        larger = [(f"{self.name}-{kind}-{k}", kind) for kind, count in self.larger.items() for k in range(count)]
        return {
            "id": [f"{self.name}-{k:04d}" for k in range(self.structures)] + [one for one, _ in larger],
            "kind": kinds + [kind for _, kind in larger],
        }

    def size(self, root: Path = Path(".")) -> int:
        """How many structures."""
        return self.structures + sum(self.larger.values())

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import crystals

        return iter(crystals.sample(self, progress))

    def example(self, count: int) -> "list[Atoms]":
        """Cells of a smaller pool."""
        return list(self.model_copy(update={"structures": count, "larger": {}}).build(iter))
