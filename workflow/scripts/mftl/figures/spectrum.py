"""Vibrational power spectra of simulations, beside harmonic frequencies of a level."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import Name, Section, listed, mistake
from mftl.figures.base import Files, Table
from mftl.figures.simulated_panels import SimulatedPanels

if TYPE_CHECKING:
    from mftl.config.whole import Config

THZ = 1e10 / 299_792_458  # cm⁻¹, by the speed of light in m/s: plans do not wait for ase.units
FINEST = 4  # frames in the shortest period that is to be seen: two are the limit of any transform


class Harmonic(Section):
    """Displaced structures of a molecule at its minimum, whose forces give harmonic frequencies."""

    system: Name = Field(description="whose pool is made by the generator `displacements`")
    level: Name = Field(description="one of its levels, with forces")
    label: str = Field(description="name in the legend")


class Spectrum(SimulatedPanels):
    """Vibrational power spectra of simulations: means over models and simulations, shaded: standard deviations."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("spectra", "harmonic")

    kind: Literal["spectrum"] = Field(description="the kind of figure")
    broadening: PositiveFloat = Field(10.0, description="standard deviation of the Gaussian that smooths, cm⁻¹")
    limits: list[PositiveFloat] = Field(
        [200.0, 4200.0], min_length=2, max_length=2, description="first and last wavenumber, cm⁻¹"
    )
    harmonic: Harmonic | None = Field(None, description="harmonic frequencies drawn as vertical lines")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Spectra of all models, and harmonic frequencies."""
        protocol = config.dynamics[self.protocol]
        measured = self.model_dump(include={"skip", "broadening", "limits"})
        settings = {"runs": self.runs(config), "measured": measured}
        tables = [Table("spectra", "spectra", self.trajectories(config), settings)]
        if self.harmonic:
            files: Files = {"labels": f"results/labels/{self.harmonic.system}/{self.harmonic.level}.extxyz"}
            tables.append(Table("harmonic", "harmonic", files, {"timestep": protocol.timestep}))
        return tables

    def params(self, config: "Config") -> dict[str, Any]:
        """Panels, limits and the name of the lines."""
        lines = {"label": self.harmonic.label} if self.harmonic else None
        return super().params(config) | {"limits": self.limits, "harmonic": lines}

    def text(self, config: "Config") -> str:
        """What it shows."""
        lines = (
            f" Vertical lines: harmonic frequencies by {self.harmonic.label}, shifted as the time step shifts them."
            if self.harmonic
            else ""
        )
        return (
            "Mass-weighted power spectra of the velocities: means over all simulations with the models of all seeds, "
            f"shaded: standard deviations; normalised to the same area.{lines} {self.params(config)['text']}."
        )

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """What cannot be simulated, frames too far apart, velocities that are not kept, labels that are not there."""
        yield from super().mistakes(config, path)
        if (one := config.dynamics.get(self.protocol)) is not None:
            if not one.velocities:
                yield mistake(f"dynamics.{self.protocol}.velocities", False, f"true, since {path} needs them")
            shortest = THZ / self.limits[1]  # ps
            if one.frame_every > shortest / 2:
                valid = f"at most {shortest / FINEST:.1g} ps for wavenumbers up to {self.limits[1]:g} cm⁻¹"
                yield mistake(f"dynamics.{self.protocol}.frame_every", one.frame_every, valid)
        if self.limits[0] >= self.limits[1]:
            yield mistake(f"{path}.limits", self.limits, "the smaller one first")
        if self.harmonic:
            levels = config.systems[self.harmonic.system].levels if self.harmonic.system in config.systems else {}
            if self.harmonic.level not in levels:
                known = listed(levels) or f"none: {self.harmonic.system} is no system"
                yield mistake(f"{path}.harmonic.level", self.harmonic.level, f"its levels ({known})")
            elif not levels[self.harmonic.level].has_forces:
                yield mistake(f"{path}.harmonic.level", self.harmonic.level, "a level with forces")
