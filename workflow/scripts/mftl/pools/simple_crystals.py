"""Perfect crystals of an element; built by ``mftl.systems.crystals``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import Element
from mftl.pools.base import Generator

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class SimpleCrystalPool(Generator):
    """A pool of perfect crystals at several volumes, as a database of equilibrium structures holds them."""

    PERIODIC: ClassVar[bool] = True

    generator: Literal["simple-crystals"] = Field(description="the name of the generator")
    element: Element = Field(description="chemical symbol")
    lattice_constant: PositiveFloat = Field(description="of bcc, Å; other lattices follow by ratios")
    lattices: list[Literal["bcc", "fcc", "hcp", "sc", "a15"]] = Field(
        ["bcc", "fcc", "hcp", "sc", "a15"], min_length=1, description="one crystal of each at each volume"
    )
    volumes: list[PositiveFloat] = Field([1.0], min_length=1, description="relative volumes")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        pairs = [(lattice, volume) for volume in self.volumes for lattice in self.lattices]
        return {
            "id": [f"{lattice}-{round(100 * volume):03d}" for lattice, volume in pairs],
            "kind": [lattice for lattice, _ in pairs],
        }

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import crystals

        return iter(crystals.simple_crystals(self))
