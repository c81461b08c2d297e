"""Molecules sampled along their normal modes; built by ``mftl.systems.normal_modes``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from mftl.config.base import mistake
from mftl.pools.base import Generator

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class NormalModePool(Generator):
    """A pool of molecules sampled along their normal modes, as QM7-X was, plus close contacts and stretched ones.

    The built-in ``molecules`` were made with ``max_energy`` and ``stretched``, ``foundation`` with the first.
    """

    PERIODIC: ClassVar[bool] = False
    STRETCHED: ClassVar[float] = 0.3  # eV/atom, the lowest energy of a stretched molecule; the highest is `max_energy`

    generator: Literal["normal-modes"] = Field(description="the name of the generator")
    molecules: dict[str, str] = Field(description="name and SMILES of each molecule")
    per_molecule: PositiveInt = Field(100, description="configurations of each molecule")
    slots: list[PositiveInt | Literal["contact"]] = Field(
        [300], description="temperatures in K, or `contact` for a close contact, taken in turn"
    )
    max_energy: PositiveFloat | None = Field(
        None,
        description="eV/atom above the GFN2-xTB minimum: draws with more, with more than their temperature explains or "
        "with pairs closer than in QM7-X are left out (null: none)",
    )
    stretched: NonNegativeInt = Field(
        0, description="for each round of the slots so many more, a soft direction followed to 0.3 eV/atom or more"
    )
    seed: list[int] = Field([0], description="seeds of the random numbers; the molecule's position is appended")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order.

        With ``max_energy`` no ids: they count the draws, and which of them are left out is not known.
        """
        names = list(self.molecules) * self.per_molecule
        if self.max_energy is not None:
            return {"molecule": names}
        return {
            "id": [f"{name}-{k // len(self.molecules):04d}" for k, name in enumerate(names)],
            "molecule": names,
        }

    def size(self, root: Path = Path(".")) -> int:
        """How many structures."""
        return len(self.molecules) * self.per_molecule

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line for stretched molecules without an energy to stretch them to."""
        if self.stretched and (self.max_energy or 0) <= self.STRETCHED:
            yield mistake(f"{path}.stretched", self.stretched, f"0, or `max_energy` above {self.STRETCHED}")

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import normal_modes

        return iter(normal_modes.sample(self, progress))

    def example(self, count: int) -> "list[Atoms]":
        """A few of the molecules at their minima."""
        from mftl.systems.normal_modes import minimum

        smiles = list(self.molecules.values())
        return [minimum(one, 0) for one in smiles[:: -(-len(smiles) // min(count, 5))]]

    def seconds(self) -> float:
        """A Hessian of each molecule, and draws of which some are refused."""
        return 2.0 * len(self.molecules) + 0.02 * self.size()
