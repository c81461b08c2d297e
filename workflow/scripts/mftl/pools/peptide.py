"""A peptide helix from its sequence; built by ``mftl.systems.peptide``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat

from mftl import engines
from mftl.config.base import Name, mistake
from mftl.pools.base import Generator
from mftl.pools.molecule import AnyEngine

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress

ATOMS = {  # of a residue, -NH-CHR-CO-, neutral
    "G": 7, "A": 10, "S": 11, "C": 11, "T": 14, "D": 13, "N": 14, "V": 16, "E": 16, "Q": 17, "M": 17, "I": 19, "L": 19,
    "H": 17, "K": 21, "F": 20, "Y": 21, "R": 23, "W": 24,
}  # fmt: skip


class PeptidePool(Generator):
    """One structure: a peptide of L-amino acids, H-…-NH2, neutral, as a helix, relaxed at a level of theory."""

    PERIODIC: ClassVar[bool] = False

    generator: Literal["peptide"] = Field(description="the name of the generator")
    name: Name = Field(description="the structure's id, and its info key `molecule`")
    sequence: str = Field(
        pattern=rf"^[{''.join(ATOMS)}]{{2,}}$",
        description="one-letter codes from the amino end, such as AAAAAAAAAA; no proline, whose ring holds φ",
    )
    phi: float = Field(-57.0, description="φ of all residues where relaxation begins, degrees; an α-helix: -57")
    psi: float = Field(-47.0, description="ψ of all residues, degrees; an α-helix: -47")
    omega: float = Field(180.0, description="ω of all peptide bonds, degrees")
    level: AnyEngine = Field(description="a level of theory with an engine, {engine: tblite, method: GFN2-xTB}")
    tolerance: PositiveFloat = Field(
        0.1, description="largest force that is left, eV/Å; long after that a helix without solvent may unwind"
    )
    seed: int = Field(0, description="of the embedding of the side chains")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structure before it is built."""
        return {"id": [self.name], "molecule": [self.name]}

    def atoms(self) -> int:
        """Atoms of the peptide: its residues, and what makes the ends H- and -NH2."""
        return sum(ATOMS[one] for one in self.sequence) + 4

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line for a level that cannot compute a molecule."""
        if refusal := engines.refusal(self.level, (), None, self.first(periodic=False, root=root)):
            yield mistake(f"{path}.level.engine", self.level.engine, f"an engine for molecules: {refusal}")

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structure."""
        from mftl.systems import peptide

        yield peptide.relaxed(self)

    def example(self, count: int) -> "list[Atoms]":
        """The helix, not relaxed: that may take long."""
        from mftl.systems import peptide

        return [peptide.helix(self)]

    def seconds(self) -> float:
        """What GFN2-xTB takes for tens of steps, which grow with the square of the atoms."""
        return 20 * 3e-5 * self.atoms() ** 2
