"""How far simulations go from where they started: superposed RMSD over time."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl.figures.base import Table
from mftl.figures.simulated_panels import SimulatedPanels

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Rmsd(SimulatedPanels):
    """Root mean square deviation from the first frame over time, after superposition; a line for each simulation."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("rmsd",)

    kind: Literal["rmsd"] = Field(description="the kind of figure")
    atoms: Literal["heavy", "all"] = Field("heavy", description="which atoms count; heavy: all but hydrogen")
    first_atoms: PositiveInt | None = Field(
        None, description="only the first so many atoms of each structure, such as a solute's (null: all)"
    )
    window: float = Field(0.0, ge=0, description="ps over which a centred running mean is taken")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """RMSD of all simulations."""
        measured = self.model_dump(include={"skip", "atoms", "first_atoms"})
        return [Table("rmsd", "rmsd", self.trajectories(config), {"runs": self.runs(config), "measured": measured})]

    def params(self, config: "Config") -> dict[str, Any]:
        """Panels, and what was measured."""
        atoms = {"heavy": "atoms but hydrogen", "all": "atoms"}[self.atoms]
        if self.first_atoms:
            atoms += f" among the first {self.first_atoms}"
        length = config.dynamics[self.protocol].length
        return super().params(config) | {"window": self.window, "atoms": atoms, "length": length}

    def text(self, config: "Config") -> str:
        """What it shows."""
        params = self.params(config)
        mean = f", running means over {self.window:g} ps" if self.window else ""
        return (
            f"Root mean square deviation of all {params['atoms']} from the first frame, superposed, over time{mean}. "
            f"A line ends with a cross where its simulation failed. {params['text']}."
        )
