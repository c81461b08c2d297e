"""Errors after fine-tuning against errors of the models that it started from, with a line through them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.config.base import mistake
from mftl.figures.base import Table
from mftl.figures.errors import AverageErrors
from mftl.figures.parents import pairs, parent_mistakes

if TYPE_CHECKING:
    from mftl.config.whole import Config


class ErrorAgainstError(AverageErrors):
    """Errors after fine-tuning against errors of the models that it started from, with a line through them."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points", "trends")

    kind: Literal["error-against-error"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, of fine-tuned models")
    before: list[str] = Field(
        min_length=1,
        description="for each of these the key of a curve of the models that they started from, tested on whatever it "
        "says: `test: molecules.pbe0-d3` for the test set of the fine-tuned ones",
    )

    def all_curves(self) -> list[str]:
        """Its curves, and those of what they started from."""
        return list(dict.fromkeys([*self.curves, *self.before]))

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot draw, and those that others did not start from."""
        yield from super().mistakes(config, path)
        if len(self.before) != len(self.curves):
            yield mistake(f"{path}.before", self.before, f"a curve for each of the {len(self.curves)} of `curves`")
            return
        for i, (curve, before) in enumerate(zip(self.curves, self.before, strict=True)):
            yield from parent_mistakes(config, f"{path}.before.{i}", curve, before)

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of all its curves, and lines through the points."""
        trends = Table("trends", "trends", {"points": f"results/points/{name}.csv"}, {"pairs": self.pairs(config)})
        return [*super().tables(config, name), trends]

    def pairs(self, config: "Config") -> list[dict[str, Any]]:
        """Its points, each with that of the models started from."""
        return [pair for two in zip(self.curves, self.before, strict=True) for pair in pairs(config, *two)]

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, the points in pairs, and what was tested before."""
        return super().params(config) | {"before": self.tested(config), "pairs": self.pairs(config)}

    def tested(self, config: "Config") -> str:
        """What the models before fine-tuning are tested against, in words."""
        targets = (config.target_of(name) for name in self.before)
        return ", ".join(dict.fromkeys(f"{system} at {levels[0]}" for system, levels in targets))

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Errors of fine-tuned models on the test set ({self.test(config)}) against those of the models that they "
            f"started from ({self.tested(config)}). The line is fitted by least squares to the logarithms, its slope "
            f"has a 95 % interval of the points' draws; a line fits if draws alone move points off it as far. "
            f"{self.bars_text(config)}"
        )
