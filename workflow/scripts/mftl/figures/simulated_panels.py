"""What figures have whose panels each show some models under one protocol."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mftl.config.base import Name, Section, listed, mistake
from mftl.config.curves import Reference
from mftl.figures.base import Files
from mftl.figures.simulations import (
    Simulations,
    can_have_engine,
    force_field_mistakes,
    protocol_text,
    values_of,
    with_colors,
)
from mftl.paths import runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Panel(Section):
    """Models whose simulations are drawn together."""

    label: str = Field("", description="above the panel")
    models: list[Reference] = Field(min_length=1, max_length=6, description="points of curves, in order")


class SimulatedPanels(Simulations):
    """A figure whose panels each show some models under one protocol."""

    protocol: Name = Field(description="a key of `dynamics`")
    panels: list[Panel] = Field(min_length=1, max_length=6, description="from top to bottom")
    skip: float = Field(0.0, ge=0, description="ps at the start of each simulation that are left out")

    def models_shown(self) -> list[Reference]:
        """The models of all panels, each once."""
        found = {(one.curve, one.value): one for panel in self.panels for one in panel.models}
        return list(found.values())

    def runs(self, config: "Config") -> list[dict[str, Any]]:
        """All models that are simulated."""
        asked = [(one.curve, one.value) for one in self.models_shown()]
        return [
            {"panel": 0, **run} for curve, value in asked for run in runs_of(config, [curve], [value], self.protocol)
        ]

    def trajectories(self, config: "Config") -> Files:
        """What became of all simulations, and their trajectories."""
        names = {"events": "events.csv", "trajectories": "trajectory.extxyz"}
        return {key: self.files(config, file) for key, file in names.items()}

    def params(self, config: "Config") -> dict[str, Any]:
        """The panels with the look of each model, and how it was simulated."""
        panels = [{"label": panel.label, "models": with_colors(config, panel.models)} for panel in self.panels]
        return {"panels": panels, "text": protocol_text(config, self.protocol)}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All curves at the values simulated."""
        return values_of(self.runs(config))

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Protocols, curves and values that cannot be simulated."""
        if self.protocol not in config.dynamics:
            known = listed(config.dynamics) or "none is configured"
            yield mistake(f"{path}.protocol", self.protocol, f"a key of dynamics ({known})")
        for i, panel in enumerate(self.panels):
            for k, one in enumerate(panel.models):
                where = f"{path}.panels.{i}.models.{k}"
                keys = f"{where}.curve", one.curve, f"{where}.value", [one.value]
                yield from force_field_mistakes(config, *keys, engine=can_have_engine(config, self.protocol))
