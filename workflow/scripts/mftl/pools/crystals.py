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
    # rattled, slab, lattice and the larger vacancy and slab6 make the first version of the data that ships, the other
    # kinds the second, and go when the data that figures are made of are the second
    kinds: list[Literal["rattled", "strained", "slab", "lattice", "gamma", "bulk", "surface", "vacancy"]] = Field(
        ["rattled", "strained", "slab", "lattice"],
        min_length=1,
        description="bcc with displaced atoms, strained bcc, a slab of 2 or 3 layers, or fcc, hcp or sc; or, near the "
        "equilibrium volume, `gamma` (bcc cut and shifted), `bulk`, `surface` (8 layers) and `vacancy` (15 atoms)",
    )
    larger: dict[Literal["vacancy", "slab6", "vacancy26", "slab12"], PositiveInt] = Field(
        {},
        description="how many larger cells come last: bcc of 15 atoms or 26 (`vacancy26`) with a vacancy, slabs of 6 "
        "layers or 12",
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
