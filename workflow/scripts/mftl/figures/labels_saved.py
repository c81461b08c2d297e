"""Learning curves, and how many labels they save at equal error against others."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mftl import recipe as recipes
from mftl.config.base import listed, mistake
from mftl.figures.base import Table
from mftl.figures.errors import AverageErrors

if TYPE_CHECKING:
    from mftl.config.whole import Config

QuantityName = Literal["energy", "forces", "stress"]


class LabelsSaved(AverageErrors):
    """Learning curves, and how many labels they save at equal error against others, such as those of random sets."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points", "labels-saved")
    OPEN: ClassVar[tuple[str, ...]] = ("size",)

    kind: Literal["labels-saved"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, whose labels are counted")
    against: list[str] = Field(
        min_length=1,
        description="for each of these the key of the curve that it is compared with, or one for all: over numbers of "
        "labels of the same level, which go at least as far on both sides",
    )
    quantities: list[QuantityName] = Field(
        ["energy", "forces"],
        min_length=1,
        description="a column of panels for each; of labels without one there is none",
    )
    goals: dict[QuantityName, Annotated[float, Field(lt=100)]] = Field(
        {}, description="percent of labels saved, drawn as a line: what is hoped for, or was published"
    )
    goals_label: str = Field("goal", description="its name in the legend")

    def all_curves(self) -> list[str]:
        """What it compares with, and its curves."""
        return list(dict.fromkeys([*self.against, *self.curves]))

    def pairs(self) -> list[dict[str, str]]:
        """Each curve with the one that it is compared with."""
        against = self.against * len(self.curves) if len(self.against) == 1 else self.against
        return [{"curve": curve, "against": other} for curve, other in zip(self.curves, against, strict=True)]

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot draw, and those that cannot be compared without going beyond their sizes."""
        yield from super().mistakes(config, path)
        if len(self.against) not in (1, len(self.curves)):
            yield mistake(f"{path}.against", self.against, f"one curve, or one for each of the {len(self.curves)}")
            return
        if len(set(self.curves)) < len(self.curves):
            yield mistake(f"{path}.curves", self.curves, "each curve once")
        for i, pair in enumerate(self.pairs()):
            other, key = pair["against"], f"{path}.against.{min(i, len(self.against) - 1)}"
            if other not in config.curves:
                yield mistake(key, other, f"the curves: {listed(config.curves)}")
            elif all(config.open_recipe(one) for one in pair.values()):
                yield from self._pair_mistakes(config, path, key, **pair)

    def _pair_mistakes(self, config: "Config", path: str, key: str, curve: str, against: str) -> Iterator[str]:
        """Why labels of two known curves cannot be compared."""
        counted = _counted(config, curve)
        if counted is None:
            return  # told already
        if _counted(config, against) != counted or _tested(config, against) != _tested(config, curve):
            yield mistake(key, against, f"a curve over numbers of labels of {counted}, tested as {curve} is")
            return
        known = config.curves[against].values
        if len(set(known)) < 2:
            yield mistake(key, against, "a curve with several values")
        for value in config.curves[curve].values:
            if not min(known) <= value <= max(known):
                valid = f"a curve whose values go from at most {value}, as those of {curve} do, to at least as many"
                yield mistake(key, against, valid)
                return

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of all its curves, and the labels saved."""
        saved = Table("labels-saved", "labels_saved", {"points": f"results/points/{name}.csv"}, {"pairs": self.pairs()})
        return [*super().tables(config, name), saved]

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, the panels, and the curves all of whose seeds have the same structures."""
        fixed = [config.curves[one].label for one in self.all_curves() if not self.redraws(config, one)]
        own = {"curves": self.curves, "quantities": self.quantities, "xlabel": self.sizes_label(config)}
        goals: dict[str, Any] = {"label": self.goals_label} | self.goals
        return super().params(config) | own | {"goals": goals, "fixed": fixed}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Error on the test set ({self.test(config)}) against the number of training structures, written ``*`` in "
            "the recipes, and labels saved at equal error: how many fewer a curve has at a size than the one it is "
            "compared with needs for the same error, by lines through the logarithms of size and error in each draw of "
            "test structures, the same for all curves, and of seeds. 95 % intervals; nothing is continued beyond the "
            "sizes of the curve compared with: arrows are bounds. A curve saves, or costs, labels if 95 % of the draws "
            f"say so. {self.bars_text(config)}"
        )


def _counted(config: "Config", curve: str) -> str | None:
    """System and level whose labels the open number of a curve counts; None if it is another number."""
    parts = (part for stage in recipes.parse(config.curves[curve].recipe).stages for part in stage.parts)
    return next((f"{part.system}.{part.levels[0]}" for part in parts if part.size == recipes.OPEN), None)


def _tested(config: "Config", curve: str) -> tuple[str, str]:
    """System and level that a curve is tested against."""
    system, levels = config.target_of(curve)
    return system, levels[0]
