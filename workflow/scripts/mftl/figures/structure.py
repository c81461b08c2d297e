"""Radial and angular distribution functions of stable simulations, a row of panels for each training size."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.curves import Reference
from mftl.figures.base import Files, Table
from mftl.figures.simulations import Simulated, Simulations

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Structure(Simulations, Simulated):
    """Radial and angular distribution functions of stable simulations, a row of panels for each training size."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("structure",)

    kind: Literal["structure"] = Field(description="the kind of figure")
    references: list[Reference] = Field([], description="models drawn as dashed lines in every row")
    skip: float = Field(0.0, ge=0, description="ps at the start of each simulation that are left out")
    r_max: PositiveFloat = Field(6.0, description="largest distance, Å")
    r_bins: PositiveInt = Field(120, description="bins of the radial distribution function")
    shell: PositiveFloat = Field(3.0, description="angles are those between neighbours closer than this, Å")
    angle_bins: PositiveInt = Field(90, description="bins of the angular distribution function")

    def models_alone(self) -> list[Reference]:
        """Models drawn as dashed lines."""
        return self.references

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Distribution functions of all simulations."""
        names = {"events": "events.csv", "trajectories": "trajectory.extxyz"}
        files: Files = {key: self.files(config, file) for key, file in names.items()}
        measured = self.model_dump(include={"skip", "r_max", "r_bins", "shell", "angle_bins"})
        return [Table("structure", "structure", files, {"runs": self.runs(config), "measured": measured})]

    def params(self, config: "Config") -> dict[str, Any]:
        """Legend, a row of panels for each training size, what is drawn in all rows, how it was simulated."""
        values = self.values or sorted({value for curve in self.curves for value in config.curves[curve].values})
        layout = {"values": values, "references": [one.model_dump() for one in self.references]}
        return self.legend(config) | layout | {"text": self._simulated(config)}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            "Radial and angular distribution functions of simulations in which no two atoms were ever too close: means "
            "over simulations with all models of a size, shaded: standard deviations. "
            f"{self._simulated(config)}."
        )

    def _simulated(self, config: "Config") -> str:
        (panel,) = self.descriptions(config)
        return f"{panel['label']}: {panel['text']}" if panel["label"] else panel["text"]
