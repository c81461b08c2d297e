"""Energies along a bond by levels and models, with harmonic frequencies and the bond's lengths in the data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import Name, Section, listed, mistake
from mftl.config.curves import Reference
from mftl.figures.base import Figure, Files, Table
from mftl.figures.simulations import force_field_mistakes, values_of, with_colors
from mftl.paths import run_model, runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Drawn(Section):
    """A level whose labels of the scan are drawn."""

    level: Name = Field(description="a level of the panel's system")
    label: str = Field(description="name in the legend")


class Scan(Section):
    """One bond of one molecule."""

    label: str = Field(description="above the panel")
    system: Name = Field(description="whose pool is made by the generator `bond-scan`, or has the info key `distance`")
    bond: str = Field(pattern=r"^[A-Z][a-z]?-[A-Z][a-z]?$", description="its elements, such as O-H")
    levels: list[Drawn] = Field(min_length=1, description="levels drawn; the first gives the geometries")
    models: list[Reference] = Field(min_length=1, max_length=6, description="points of curves, in order")
    histogram: str | None = Field(
        None, description="<system>.<level>: lengths of such bonds in its labelled structures"
    )


class BondScan(Figure):
    """Energies along a bond by levels and models, a panel for each, with a histogram of its lengths in the data."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("bond-lengths",)
    MEASURED: ClassVar[tuple[str, ...]] = ("bond-scans",)

    kind: Literal["bond-scan"] = Field(description="the kind of figure")
    scans: list[Scan] = Field(min_length=1, max_length=4, description="a panel for each")
    reach: PositiveFloat = Field(0.07, description="of the parabola to each side of the lowest point, Å")

    def runs(self, config: "Config") -> list[dict[str, Any]]:
        """The models of all scans, each with the number of its panel."""
        return [
            {"panel": i, **run}
            for i, scan in enumerate(self.scans)
            for one in scan.models
            for run in runs_of(config, [one.curve], [one.value])
        ]

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Energies along the bonds, and lengths in the data."""
        runs = self.runs(config)
        scanned = [(i, scan, drawn.level) for i, scan in enumerate(self.scans) for drawn in scan.levels]
        files: Files = {
            "models": [run_model(config, run) for run in runs],
            "labels": [f"results/labels/{scan.system}/{level}.extxyz" for _, scan, level in scanned],
        }
        settings = {
            "runs": runs,
            "levels": [{"panel": i, "level": level} for i, _, level in scanned],
            "bonds": [scan.bond for scan in self.scans],
            "reach": self.reach,
            "device": config.device,
        }
        shown = {i: scan.histogram for i, scan in enumerate(self.scans) if scan.histogram}
        data: Files = {"labels": [f"results/labels/{one.replace('.', '/', 1)}.extxyz" for one in shown.values()]}
        about = {"panels": list(shown), "bonds": [self.scans[i].bond for i in shown]}
        lengths = [Table("bond-lengths", "bond_lengths", data, about)] if shown else []
        return [Table("bond-scans", "bond_scans", files, settings), *lengths]

    def params(self, config: "Config") -> dict[str, Any]:
        """Panels with labels and colours of levels and models."""
        panels = []
        for scan in self.scans:
            models = with_colors(config, scan.models)
            levels = [one.model_dump() for one in scan.levels]
            panels.append({"label": scan.label, "bond": scan.bond, "levels": levels, "models": models})
        return {"panels": panels, "reach": self.reach}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All its curves at the values drawn."""
        return values_of(self.runs(config))

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            "Energy along a bond of a molecule whose other atoms stay, above its lowest; models: means over seeds. The "
            f"wavenumbers are those of parabolas within {self.reach:g} Å of the lowest point, with the reduced mass of "
            "both atoms. Bars: lengths of such bonds in the data."
        )

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Systems, levels, models and data that are not there."""
        for i, scan in enumerate(self.scans):
            where = f"{path}.scans.{i}"
            if scan.system not in config.systems:
                yield mistake(f"{where}.system", scan.system, f"the systems: {listed(config.systems)}")
                continue
            levels = config.systems[scan.system].levels
            for k, one in enumerate(scan.levels):
                if one.level not in levels:
                    yield mistake(
                        f"{where}.levels.{k}.level", one.level, f"the levels of {scan.system}: {listed(levels)}"
                    )
            for k, model in enumerate(scan.models):
                keys = f"{where}.models.{k}.curve", model.curve, f"{where}.models.{k}.value", [model.value]
                yield from force_field_mistakes(config, *keys, engine=False)
            if scan.histogram:
                system, _, level = scan.histogram.partition(".")
                if level not in (config.systems[system].levels if system in config.systems else {}):
                    yield mistake(f"{where}.histogram", scan.histogram, "<system>.<level> of the configuration")
