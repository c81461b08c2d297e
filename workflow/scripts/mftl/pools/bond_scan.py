"""Scans of a bond of a molecule; built by ``mftl.systems.bond_scan``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import mistake
from mftl.pools.molecule import MoleculePool

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class BondScanPool(MoleculePool):
    """A molecule at its minimum, one bond of which is stretched from one length to another, all else kept."""

    generator: Literal["bond-scan"] = Field(description="the name of the generator")
    bond: str = Field(
        pattern=r"^([A-Z][a-z]?-[A-Z][a-z]?|\d+-\d+)$",
        description="two elements, such as O-H: the first such bond; or the numbers of two atoms from 0, such as 1-5",
    )
    shortest: PositiveFloat = Field(description="first length, Å")
    longest: PositiveFloat = Field(description="last length, Å")
    points: int = Field(15, ge=2, description="lengths, evenly spaced")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        return {
            "id": [f"{self.name}-{self.bond}-{k:03d}" for k in range(self.points)],
            "molecule": [self.name] * self.points,
            "distance": [str(one) for one in self.distances()],
        }

    def distances(self) -> list[float]:
        """The lengths, Å."""
        width = (self.longest - self.shortest) / (self.points - 1)
        return [round(self.shortest + k * width, 6) for k in range(self.points)]

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """What is wrong with the molecule or its level, and lines for a scan of no bond or no length."""
        yield from super().mistakes(path, root)
        if self.longest <= self.shortest:
            yield mistake(f"{path}.longest", self.longest, f"more than `shortest`, {self.shortest}")

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import bond_scan

        return iter(bond_scan.sample(self, progress))

    def seconds(self) -> float:
        """A relaxation with GFN2-xTB."""
        return 1.0
