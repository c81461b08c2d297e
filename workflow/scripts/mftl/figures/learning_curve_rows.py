"""Learning curves of several systems, a row of panels for each."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.config.base import Section
from mftl.config.curves import Reference
from mftl.config.plot import BarsName
from mftl.figures.base import Figure, Files, Table
from mftl.figures.errors import Mark, UnitsName
from mftl.figures.learning_curves import LearningCurves

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Row(Section):
    """The learning curves of one system."""

    label: str = Field(description="above its panels")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, in the order of the legend")
    references: list[Reference] = Field([], description="horizontal lines, such as a model of another level")
    marks: list[Mark] = Field([], description="vertical lines")


class LearningCurveRows(Figure):
    """Learning curves of several systems, a row of panels for each; curves with the same label look the same."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points")

    kind: Literal["learning-curve-rows"] = Field(description="the kind of figure")
    rows: list[Row] = Field(min_length=1, max_length=6, description="from top to bottom")
    units: UnitsName = Field("meV/atom", description="as of learning-curves")
    quantities: list[Literal["energy", "forces", "stress"]] = Field(
        ["energy", "forces"], min_length=1, description="a column of panels for each"
    )
    error: Literal["rmse", "mae"] | None = Field(None, description="which error is drawn (null: that of `plot`)")
    bars: BarsName | None = Field(None, description="what its error bars are (null: those of `plot`)")

    @cached_property
    def parts(self) -> list[LearningCurves]:
        """Each row as a figure of its own."""
        own = self.model_dump(include={"units", "error", "bars", "quantities"})
        rows = [row.model_dump(exclude={"label"}) for row in self.rows]
        return [LearningCurves(kind="learning-curves", **(row | own)) for row in rows]

    def all_curves(self) -> list[str]:
        """The curves of all rows, and those of their references."""
        return list(dict.fromkeys(curve for part in self.parts for curve in part.all_curves()))

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot draw."""
        for i, part in enumerate(self.parts):
            yield from part.mistakes(config, f"{path}.rows.{i}")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of all models of its curves, and their means with intervals."""
        curves = self.all_curves()
        files: Files = {"predictions": [f"results/predictions/{curve}.npz" for curve in curves]}
        settings = {"figure": name, "curves": curves, "units": self.units}
        return [Table(folder, folder, files, settings) for folder in self.FOLDERS]

    def params(self, config: "Config") -> dict[str, Any]:
        """What each row has, with its label."""
        rows = [{"label": row.label} | part.params(config) for row, part in zip(self.rows, self.parts, strict=True)]
        return {"rows": rows}

    def style(self, config: "Config") -> dict[str, Any]:
        """The section `plot`, with what it has of its own."""
        return self.parts[0].style(config)

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All its curves at all their values."""
        return {curve: config.curves[curve].values for curve in self.all_curves()}

    def text(self, config: "Config") -> str:
        """What it shows."""
        tests = "; ".join(dict.fromkeys(part.test(config) for part in self.parts))
        return (
            f"Error on the test sets ({tests}) against the open number, written ``*`` in the recipes. "
            f"{self.parts[0].bars_text(config)}"
        )
