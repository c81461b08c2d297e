"""Errors against the epochs of a stage, such as a pre-training."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mftl.figures.errors import Lines

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Epochs(Lines):
    """Error against the epochs of a stage, such as a pre-training."""

    OPEN: ClassVar[tuple[str, ...]] = ("epochs",)

    kind: Literal["epochs"] = Field(description="the kind of figure")

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Error on the test set ({self.test(config)}) against the epochs of a training run, written ``*`` in the "
            f"recipes. {self.bars_text(config)}"
        )
