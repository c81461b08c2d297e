"""What fine-tuned models have forgotten: errors on their parent's test set against those on their own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mftl.config.base import Name, listed, mistake
from mftl.figures.base import Table
from mftl.figures.errors import AverageErrors
from mftl.figures.parents import pairs, parent_mistakes

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Forgetting(AverageErrors):
    """What fine-tuned models have forgotten: errors on their parent's test set against those on their own."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points", "forgetting")
    OPEN: ClassVar[tuple[str, ...]] = ("size",)

    kind: Literal["forgetting"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, ways to fine-tune one parent")
    kept: list[str] = Field(
        min_length=1,
        description="for each of these the key of a curve of the same models, tested on what their parent learned: "
        "`test: foundation.wb97m-d3`",
    )
    parent: Name = Field(description="key of a curve of the parent alone, tested on the same")

    def all_curves(self) -> list[str]:
        """Its curves, with those on the other test set."""
        return list(dict.fromkeys([*self.curves, *self.kept, self.parent]))

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot draw, and those that are not of the same models, or of no parent of them."""
        yield from super().mistakes(config, path)
        if len(self.kept) != len(self.curves):
            yield mistake(f"{path}.kept", self.kept, f"a curve for each of the {len(self.curves)} of `curves`")
            return
        for i, (curve, kept) in enumerate(zip(self.curves, self.kept, strict=True)):
            yield from self._kept_mistakes(config, f"{path}.kept.{i}", curve, kept)
            if curve in config.curves and (i == 0 or self.parent in config.curves):
                yield from parent_mistakes(config, f"{path}.parent", curve, self.parent)

    def _kept_mistakes(self, config: "Config", path: str, curve: str, kept: str) -> Iterator[str]:
        if kept not in config.curves:
            yield mistake(path, kept, f"the curves: {listed(config.curves)}")
            return
        if not all(config.open_recipe(name) for name in (curve, kept, self.parent)):
            return
        own, other = config.curves[curve], config.curves[kept]
        if (own.recipe, own.architecture) != (other.recipe, other.architecture) or not {*own.values} <= {*other.values}:
            yield mistake(path, kept, f"a curve of the models of {curve}: {own.recipe} at {own.values}")
        tested = config.target_of(self.parent)[0], config.target_of(self.parent)[1][0]
        system, levels = config.target_of(kept)
        if (system, levels[0]) != tested or tested == self.target(config):
            valid = f"a curve tested as {self.parent} is ({'.'.join(tested)}), and on another set than {curve}"
            yield mistake(path, kept, valid)

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of all its curves, and how much larger they are than the parent's."""
        given = []
        for curve, kept in zip(self.curves, self.kept, strict=True):
            given += [one | {"kept": kept} for one in pairs(config, curve, self.parent)]
        table = Table("forgetting", "forgetting", {"points": f"results/points/{name}.csv"}, {"pairs": given})
        return [*super().tables(config, name), table]

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, and the parent's test set."""
        return super().params(config) | {"parents": self._parents(config), "curves": self.curves}

    def _parents(self, config: "Config") -> str:
        system, levels = config.target_of(self.parent)
        return f"{system} at {levels[0]}"

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Errors of fine-tuned models on the test set of their parent ({self._parents(config)}), over the parent's "
            f"own there, against their errors on {self.test(config)}; numbers at the points are training structures, "
            "written ``*`` in the recipes. Above 1 they have forgotten. Bars: 95 % intervals over test structures and "
            "seeds."
        )
