"""Displacements of each coordinate of a molecule from its minimum; built by ``mftl.systems.displacements``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat

from mftl.pools.molecule import MoleculePool

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class DisplacementsPool(MoleculePool):
    """A molecule at its minimum, each coordinate of each atom displaced to both sides: forces there give the Hessian.

    Label it at the level of the minimum for harmonic frequencies.
    """

    generator: Literal["displacements"] = Field(description="the name of the generator")
    displacement: PositiveFloat = Field(0.01, description="of one coordinate, Å")

    def known(self) -> dict[str, list[str]]:
        """Nothing: how many atoms there are is known once the molecule is built."""
        return {}

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import displacements

        return iter(displacements.sample(self, progress))
