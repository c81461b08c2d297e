"""Errors against the epochs of a stage, such as a pre-training."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.config.base import listed, mistake
from mftl.config.curves import Reference
from mftl.figures.errors import AverageErrors

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Epochs(AverageErrors):
    """Error against the epochs of a stage, such as a pre-training."""

    OPEN: ClassVar[tuple[str, ...]] = ("epochs",)

    kind: Literal["epochs"] = Field(description="the kind of figure")
    references: list[Reference] = Field([], description="horizontal lines, such as the error without pre-training")

    def all_curves(self) -> list[str]:
        """Its curves, and those of its references."""
        return list(dict.fromkeys([*self.curves, *(one.curve for one in self.references)]))

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot draw, and references that are no points of curves."""
        yield from super().mistakes(config, path)
        for i, one in enumerate(self.references):
            if one.curve not in config.curves:
                yield mistake(f"{path}.references.{i}.curve", one.curve, f"the curves: {listed(config.curves)}")
            elif one.value not in (values := config.curves[one.curve].values):
                known = f"values of {one.curve}: {listed(map(str, values))}"
                yield mistake(f"{path}.references.{i}.value", one.value, known)

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, and horizontal lines."""
        return super().params(config) | {"references": [one.model_dump() for one in self.references]}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Error on the test set ({self.test(config)}) against the epochs of a training run, written ``*`` in the "
            f"recipes. {self.bars()}"
        )
