"""A table of ways to train: their ranks by error at some sizes, and what training and predicting cost."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import mistake
from mftl.figures.base import Table
from mftl.figures.errors import AverageErrors
from mftl.paths import model_file

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Ranks(AverageErrors):
    """A table of ways to train: their ranks by error at some sizes, and what training and predicting cost."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points", "ranks", "way-costs")
    OPEN: ClassVar[tuple[str, ...]] = ("size",)

    kind: Literal["ranks"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=2, description="keys of `curves`, a line for each")
    values: list[PositiveInt] = Field(min_length=1, max_length=3, description="at which sizes, columns for each")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot rank."""
        yield from super().mistakes(config, path)
        yield from self.lacking_values(config, f"{path}.values", self.values)
        for i, name in enumerate(self.curves):
            recipe = config.open_recipe(name)
            if recipe and not recipe.stages:
                yield mistake(f"{path}.curves.{i}", name, "a curve of models that are trained")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of its curves, their ranks, and what they cost."""
        about = {"curves": self.curves, "values": self.values}
        runs = [run for curve in self.curves for run in self._trainings(config, curve)]
        models = list(dict.fromkeys(model for run in runs for model in run["trainings"]))
        costs = [f"results/costs/{curve}.csv" for curve in self.curves]
        return [
            *super().tables(config, name),
            Table("ranks", "ranks", {"points": f"results/points/{name}.csv"}, about),
            Table("way-costs", "way_costs", {"models": models, "costs": costs}, {"runs": runs} | about),
        ]

    def _trainings(self, config: "Config", curve: str) -> Iterator[dict[str, Any]]:
        """The models of a curve at its values, each with all trainings that it took, the last one first."""
        at = dict(zip(config.curves[curve].values, config.recipes_of(curve), strict=True))
        architecture = config.curves[curve].architecture
        for value in self.values:
            steps = trainings(config, at[value])
            for seed in config.seeds_of(curve):
                files = [model_file(config, architecture, one, seed) for one in steps]
                yield {"curve": curve, "value": value, "recipe": str(at[value]), "seed": seed, "trainings": files}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """Its curves at its values."""
        return {curve: self.values for curve in self.curves}

    def params(self, config: "Config") -> dict[str, Any]:
        """What all have, its curves and values."""
        return super().params(config) | {"curves": self.curves, "values": self.values}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Ranks of ways to train by their errors on the test set ({self.test(config)}), 1 for the lowest, with 95 "
            "% intervals from draws of test structures, the same for all ways, and of seeds. = cannot be told apart "
            "from the lowest: less than 95 % of the draws say which of both is better. Training: CPU time of the last "
            "stage, and of all stages; prediction: time for a structure, of a Δ model with its low level."
        )


def trainings(config: "Config", recipe: recipes.Recipe) -> list[recipes.Recipe]:
    """The training runs behind a model, each once, the last one first; of ``.ebest`` those of all candidates."""
    found: dict[recipes.Recipe, None] = {}
    todo: list[recipes.Recipe | None] = [recipe]
    while todo:
        one = todo.pop(0)
        if one is None or not one.stages:
            continue
        if one.chooses:
            todo += one.candidates(config.snapshots)
        else:
            found[one.trained] = None
            todo.append(one.parent)
    return list(found)
