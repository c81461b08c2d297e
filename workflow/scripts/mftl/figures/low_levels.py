"""Learning curves after pre-training at several levels, and their errors against the error of the level itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import listed, mistake
from mftl.figures.base import Table
from mftl.figures.errors import AverageErrors

if TYPE_CHECKING:
    from mftl.config.whole import Config


class LowLevels(AverageErrors):
    """Learning curves after pre-training at several levels, and their errors against the error of the level itself."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points", "low-levels")
    OPEN: ClassVar[tuple[str, ...]] = ("size",)

    kind: Literal["low-levels"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`; the level is that of the first stage")
    values: list[PositiveInt] = Field(
        min_length=1, max_length=2, description="training sizes whose errors are drawn against the level's error"
    )

    def levels(self, config: "Config") -> dict[str, str]:
        """The level of each curve that starts with another level of the system tested."""
        found = {curve: low_level(config, curve) for curve in self.curves}
        return {curve: level for curve, level in found.items() if level}

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves and values that it cannot draw."""
        yield from super().mistakes(config, path)
        for name in self.curves:
            for value in self.values:
                if name in config.curves and value not in (values := config.curves[name].values):
                    yield mistake(f"{path}.values", value, f"values of {name}: {listed(map(str, values))}")
        known = [name for name in self.curves if config.open_recipe(name)]
        if not any(low_level(config, name) for name in known):
            yield mistake(f"{path}.curves", self.curves, "a curve that starts with another level of the same system")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of its curves, and of the low levels against the level tested against."""
        system, high = self.target(config)
        levels = list(dict.fromkeys([high, *self.levels(config).values()]))
        files: dict[str, str | list[str]] = {"labels": [f"results/labels/{system}/{level}.extxyz" for level in levels]}
        low = Table("low-levels", "levels", files, {"levels": levels, "reference": high, "units": self.units})
        return [*super().tables(config, name), low]

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, levels of the curves, and what is drawn against the level's error."""
        own = {"levels": self.levels(config), "values": self.values, "xlabel": self.sizes_label(config)}
        return super().params(config) | own

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Above, error on the test set ({self.test(config)}) against the number of training structures, written "
            f"``*`` in the recipes. Below, the errors at {' and '.join(map(str, self.values))} structures against the "
            f"error of the low level itself. {self.bars_text(config)}"
        )


def low_level(config: "Config", curve: str) -> str | None:
    """The level that a curve learns first, if it is another level of the system tested."""
    recipe = recipes.parse(config.curves[curve].recipe)
    if recipe.foundation:
        return None
    first = recipe.stages[0].parts[0]
    if first.system != recipe.last.system or first.level == recipe.last.level:
        return None
    return first.level
