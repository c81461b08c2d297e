"""Phonon densities of states of a crystal, of all seeds of some models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.curves import Reference
from mftl.config.dynamics import Crystal
from mftl.figures.base import Figure, Table
from mftl.figures.simulations import engine_level, engine_level_mistakes, force_field_mistakes, values_of
from mftl.paths import run_model, runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Phonons(Figure):
    """Phonon densities of states of a crystal, of all seeds of some models."""

    MEASURED: ClassVar[tuple[str, ...]] = ("phonons",)

    kind: Literal["phonons"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, a panel for each")
    value: PositiveInt = Field(description="one of their `values`")
    reference: Reference | None = Field(None, description="a model compared with")
    level: str | None = Field(None, description="<system>.<level> compared with; the level has an engine")
    level_label: str = Field("", description="its name in the legend")
    crystal: Crystal = Field(description="the crystal")
    supercell: PositiveInt = Field(2, description="conventional cells along each axis in which forces are computed")
    displacement: PositiveFloat = Field(0.01, description="of one atom at a time, Å")
    mesh: PositiveInt = Field(20, description="wave vectors along each axis")
    broadening: PositiveFloat = Field(0.1, description="of each frequency, THz")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """What is wrong with the models and the level whose phonons are compared."""
        models = [(f"curves.{i}", name, "value", self.value) for i, name in enumerate(self.curves)]
        if one := self.reference:
            models.append(("reference.curve", one.curve, "reference.value", one.value))
        for key, name, value_key, value in models:
            keys = (f"{path}.{key}", name, f"{path}.{value_key}", [value])
            yield from force_field_mistakes(config, *keys, engine=False)
        yield from engine_level_mistakes(config, f"{path}.level", self.level)

    def runs(self, config: "Config") -> list[dict[str, Any]]:
        """Its models, and the one they are compared with."""
        runs = runs_of(config, self.curves, [self.value])
        if one := self.reference:
            runs += [run | {"curve": "(reference)"} for run in runs_of(config, [one.curve], [one.value])]
        return runs

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Densities of states of all models."""
        runs = self.runs(config)
        settings = {
            "runs": runs,
            "level": engine_level(config, self.level),
            "crystal": self.crystal.model_dump(),
            "measured": self.model_dump(include={"supercell", "displacement", "mesh", "broadening"}),
            "device": config.device,
        }
        models = [run_model(config, run) for run in runs]
        return [Table("phonons", "phonons", {"models": models}, settings)]

    def params(self, config: "Config") -> dict[str, Any]:
        """Curves, labels and looks, and what was computed."""
        legend = self.legend(config)
        legend["labels"]["(level)"] = self.level_label or self.level or ""
        legend["labels"]["(reference)"] = self.reference.label if self.reference else ""
        return legend | {"curves": self.curves, "text": self._computed()}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            "Phonon densities of states, a panel for each curve: thin lines are the seeds, bands reach from the lowest "
            "to the highest, thick lines are means; dashed: what they are compared with. "
            f"{self._computed()}."
        )

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """Its curves at its value."""
        return values_of(runs_of(config, self.curves, [self.value]))

    def _computed(self) -> str:
        cell = self.crystal
        return (
            f"{cell.element}, {cell.lattice}, {cell.lattice_constant:g} Å, trained on {self.value} "
            f"structure{'s' * (self.value > 1)}; "
            f"{self.supercell}×{self.supercell}×{self.supercell} cells, displacements {self.displacement:g} Å"
        )
