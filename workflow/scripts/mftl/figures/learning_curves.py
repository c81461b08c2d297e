"""Learning curves: error on the test set against the number of training structures."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.figures.base import Files
from mftl.figures.errors import Lines

if TYPE_CHECKING:
    from mftl.config.whole import Config


class LearningCurves(Lines):
    """Error on the test set against the number of training structures."""

    OPEN: ClassVar[tuple[str, ...]] = ("size",)

    kind: Literal["learning-curves"] = Field(description="the kind of figure")
    only: dict[str, list[str]] = Field(
        {},
        description="errors on those test structures alone whose info key has one of these values, e.g. "
        "{temperature: ['300', '400']}",
    )

    def table_files(self, config: "Config") -> Files:
        """The pool, which says which structures to look at."""
        return {"pool": f"results/pools/{self.target(config)[0]}.extxyz"} if self.only else {}

    def table_settings(self) -> dict[str, Any]:
        """Which structures to look at."""
        return {"only": self.only}

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, and the label of the axis."""
        return super().params(config) | {"xlabel": self.sizes_label(config)}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Error on the test set ({self.test(config)}) against the number of training structures, written ``*`` in "
            f"the recipes. {self.bars_text(config)}"
        )
