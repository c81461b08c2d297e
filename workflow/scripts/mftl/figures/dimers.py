"""Energies of two atoms against their distance, by models and a level, for all pairs of elements."""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import Element, listed, mistake
from mftl.config.curves import Reference
from mftl.figures.base import Figure, Table
from mftl.figures.simulations import (
    engine_level,
    engine_level_mistakes,
    force_field_mistakes,
    values_of,
    with_colors,
)
from mftl.paths import run_model, runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Dimers(Figure):
    """Energies of two atoms against their distance, by models and a level, for all pairs of elements."""

    MEASURED: ClassVar[tuple[str, ...]] = ("dimers",)

    kind: Literal["dimers"] = Field(description="the kind of figure")
    lines: list[Reference] = Field(min_length=1, max_length=6, description="points of curves, in order")
    elements: list[Element] = Field(min_length=1, max_length=6, description="all pairs of these, a panel for each")
    level: str | None = Field(None, description="<system>.<level> drawn beside the models; the level has an engine")
    level_label: str = Field("", description="its name in the legend")
    shortest: float = Field(0.4, gt=0, lt=1, description="distance, over the sum of both covalent radii")
    longest: PositiveFloat = Field(6.0, description="distance at which energies are zero, Å")
    points: int = Field(40, ge=5, description="distances")
    limit: PositiveFloat = Field(12.0, description="largest energies drawn, to both sides, eV")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Models that give no energies of any two atoms, elements that they do not know, a level without an engine."""
        for i, one in enumerate(self.lines):
            where = f"{path}.lines.{i}"
            keys = f"{where}.curve", one.curve, f"{where}.value", [one.value]
            yield from force_field_mistakes(config, *keys, engine=False)
            system = config.target_of(one.curve)[0] if one.curve in config.curves else None
            known = config.systems[system].elements if system in config.systems else self.elements
            if unknown := [element for element in self.elements if element not in known]:
                valid = f"elements of {system}, which {one.curve} knows: {listed(known)}"
                yield mistake(f"{path}.elements", unknown[0], valid)
        yield from engine_level_mistakes(config, f"{path}.level", self.level)

    def runs(self, config: "Config") -> list[dict[str, Any]]:
        """Its models."""
        return [run for one in self.lines for run in runs_of(config, [one.curve], [one.value])]

    def pairs(self) -> list[list[str]]:
        """All pairs of elements."""
        return [list(pair) for pair in combinations_with_replacement(self.elements, 2)]

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Energies of all pairs."""
        runs = self.runs(config)
        settings = {
            "runs": runs,
            "level": engine_level(config, self.level),
            "pairs": self.pairs(),
            "distances": self.model_dump(include={"shortest", "longest", "points"}),
            "device": config.device,
        }
        return [Table("dimers", "dimers", {"models": [run_model(config, run) for run in runs]}, settings)]

    def params(self, config: "Config") -> dict[str, Any]:
        """Models with colours, the level's name, and what is drawn."""
        label = (self.level_label or self.level) if self.level else None
        return {"models": with_colors(config, self.lines), "level": label, "limit": self.limit}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All its curves at the values drawn."""
        return values_of(self.runs(config))

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Energies of two atoms against their distance, above those at {self.longest:g} Å, so that no zero of "
            "energy counts (of the level at the largest distance where its engine converged); models: means of seeds, "
            "shaded from the lowest to the highest. The vertical line is half the sum of the covalent radii: a lowest "
            "point to the left of it is a hole."
        )
