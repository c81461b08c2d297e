"""Molecules sampled along their normal modes; built by ``mftl.systems.normal_modes``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl.pools.base import Generator

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class NormalModePool(Generator):
    """A pool of molecules sampled along their normal modes, as QM7-X was, plus explicit close contacts."""

    PERIODIC: ClassVar[bool] = False

    generator: Literal["normal-modes"] = Field(description="the name of the generator")
    molecules: dict[str, str] = Field(description="name and SMILES of each molecule")
    per_molecule: PositiveInt = Field(100, description="configurations of each molecule")
    slots: list[PositiveInt | Literal["contact"]] = Field(
        [300], description="temperatures in K, or `contact` for a close contact, taken in turn"
    )
    seed: list[int] = Field([0], description="seeds of the random numbers; the molecule's position is appended")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        names = list(self.molecules) * self.per_molecule
        return {
            "id": [f"{name}-{k // len(self.molecules):04d}" for k, name in enumerate(names)],
            "molecule": names,
        }

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import normal_modes

        return iter(normal_modes.sample(self, progress))
