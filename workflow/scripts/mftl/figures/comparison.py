"""Relative energies and forces of a model and a level against another level, and the model's worst structures."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.figures.parity import Parity

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Comparison(Parity):
    """Relative energies and forces of a model and a level against another level, and the model's worst structures."""

    or_else: ClassVar[str] = "or histogram: false"

    kind: Literal["comparison"] = Field(description="the kind of figure")
    histogram: bool = Field(True, description="draw a histogram of the force errors")
    worst: int = Field(4, ge=0, le=8, description="structures drawn that the model describes worst")

    @property
    def draws_forces(self) -> bool:
        """Whether it cannot do without forces."""
        return self.histogram

    def params(self, config: "Config") -> dict[str, Any]:
        """What is compared, and which panels are drawn."""
        return super().params(config) | {"histogram": self.histogram, "worst": self.worst}

    def text(self, config: "Config") -> str:
        """What it shows."""
        text = f"Relative energies {self.subjects()}"
        if self.histogram:
            text += " Also the distribution of the errors of force components."
        if self.worst:
            text += (
                f" Also the {self.worst} structures with the largest errors of the former per atom; red: the pair of "
                "atoms closest for its covalent radii."
            )
        return text
