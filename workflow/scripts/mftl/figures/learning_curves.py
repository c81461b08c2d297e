"""Learning curves: error on the test set against the number of training structures."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.figures.base import Files, Table
from mftl.figures.errors import AverageErrors

if TYPE_CHECKING:
    from mftl.config.whole import Config


class LearningCurves(AverageErrors):
    """Error on the test set against the number of training structures."""

    OPEN: ClassVar[tuple[str, ...]] = ("size",)

    kind: Literal["learning-curves"] = Field(description="the kind of figure")
    only: dict[str, list[str]] = Field(
        {},
        description="errors on those test structures alone whose info key has one of these values, e.g. "
        "{temperature: ['300', '400']}",
    )

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of all models of its curves; the pool says which structures to look at."""
        pool: Files = {"pool": f"results/pools/{self.target(config)[0]}.extxyz"} if self.only else {}
        settings = {"figure": name, "curves": self.curves, "only": self.only}
        return [Table("errors", "errors", self.predictions() | pool, settings)]

    def params(self, config: "Config") -> dict[str, Any]:
        """Legend, label of the axis and test set."""
        return self.legend(config) | {"xlabel": self.sizes_label(config), "test": self.test(config)}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Error on the test set ({self.test(config)}) against the number of training structures, written ``*`` in "
            "the recipes. Means over seeds, error bars: standard deviations."
        )
