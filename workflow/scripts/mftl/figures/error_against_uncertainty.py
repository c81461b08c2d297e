"""Errors on the test set against how uncertain models are about them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import mistake
from mftl.figures.base import Files, Table
from mftl.figures.errors import Errors
from mftl.paths import card_of, run_model, runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config

Estimate = Literal["committee", "last-layer"]
MEMBERS = 3  # of a committee: the spread of two says next to nothing
TESTED = 38  # structures: from half of them a quantile of 95 % can be told


class ErrorAgainstUncertainty(Errors):
    """Errors on the test set against how uncertain models are about them."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("spreads", "calibration")
    MEASURED: ClassVar[tuple[str, ...]] = ("last-layer",)

    kind: Literal["error-against-uncertainty"] = Field(description="the kind of figure")
    values: list[PositiveInt] = Field(min_length=1, description="at which values of the curves' open number")
    estimates: list[Estimate] = Field(
        ["committee", "last-layer"],
        min_length=1,
        description="what uncertainties are, a row of panels for each: how far the models of all seeds are apart, or "
        "what the last layers of one model saw in training",
    )
    seed: PositiveInt = Field(1, description="whose last layers are looked at")
    bins: int = Field(10, ge=2, description="markers, each of equally many structures or components of forces")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves of too few seeds or none, models without a validation set, test sets too small to halve."""
        yield from super().mistakes(config, path)
        yield from self.lacking_values(config, f"{path}.values", self.values)
        for i, name in enumerate(self.curves):
            where, recipe = f"{path}.curves.{i}", config.open_recipe(name)
            if recipe and not recipe.stages:
                yield mistake(where, name, "a curve of models that are trained")
            elif recipe:
                yield from self._lacking(config, path, where, name, recipe)

    def _lacking(self, config: "Config", path: str, where: str, name: str, recipe: recipes.Recipe) -> Iterator[str]:
        """What a curve of trained models lacks."""
        seeds, system = len(config.seeds_of(name)), config.systems.get(recipe.last.system)
        if "committee" in self.estimates and seeds < MEMBERS:
            yield mistake(where, name, f"a curve of at least {MEMBERS} seeds, or estimates: [last-layer]")
        if "last-layer" in self.estimates:
            if self.seed > seeds:
                yield mistake(f"{path}.seed", self.seed, f"a seed of {name}: 1 to {seeds}")
            if system and system.split and not system.split.validation:
                yield mistake(where, name, "a curve with a validation set, or estimates: [committee]")
        target, _ = config.target_of(name)
        split = config.systems[target].split if target in config.systems else None
        if split is None or split.test_only:
            return
        if (tested := config.tested(name)) < TESTED:
            yield mistake(where, name, f"a curve tested on at least {TESTED} structures (not {tested})")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors with the spread of committees, and with what last layers say; both in bins."""
        known = {"figure": name, "curves": self.curves, "values": self.values, "units": self.units}
        both = {
            "committee": lambda: Table("spreads", "spreads", self.predictions(), known),
            "last-layer": lambda: self._last_layer(config, name),
        }
        found = [both[one]() for one in dict.fromkeys(self.estimates)]
        files: Files = {"values": [f"results/{one.folder}/{name}.csv" for one in found]}
        return [*found, Table("calibration", "calibration", files, {"bins": self.bins})]

    def _last_layer(self, config: "Config", name: str) -> Table:
        """Errors of one seed's models, which are run once more on what they were trained on."""
        runs = [run for run in runs_of(config, self.curves, self.values) if run["seed"] == self.seed]
        found = [recipes.parse(run["recipe"]) for run in runs]
        trained = zip(runs, found, strict=True)
        system, level = self.target(config)
        files: Files = self.predictions() | {
            "models": [run_model(config, run) for run in runs],
            "cards": [card_of(recipes.model_path(run["architecture"], one.trained, self.seed)) for run, one in trained],
            "test": [f"results/labels/{system}/{level}.extxyz"],
        }
        for i, stage in enumerate(one.last for one in found):
            files[f"labels_{i}"] = [f"results/labels/{stage.system}/{one}.extxyz" for one in stage.levels]
            files[f"split_{i}"] = f"results/splits/{stage.system}.json"
        keys = ("curve", "value", "recipe")
        settings = {
            "figure": name,
            "curves": self.curves,
            "runs": [{key: run[key] for key in keys} for run in runs],
            "seed": self.seed,
            "units": self.units,
            "device": config.device,
        }
        return Table("last-layer", "last_layer", files, settings)

    def params(self, config: "Config") -> dict[str, Any]:
        """Its points with their looks, the test set, and whose last layers are looked at."""
        series = [
            {"curve": curve, "value": value, "label": self._label(config, curve, value)} | config.look_of(curve)
            for curve in self.curves
            for value in self.values
        ]
        return {"series": series, "test": self.test(config), "seed": self.seed}

    def _label(self, config: "Config", curve: str, value: int) -> str:
        label = config.curves[curve].label
        return f"{label}, {value}" if len(self.values) > 1 else label

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """Its curves at its values."""
        return {curve: self.values for curve in self.curves}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Errors on the test set ({self.test(config)}) against their uncertainties, scaled on one half of the test "
            "structures and judged on the other, and the other way round. Markers: RMSE in bins of equally many "
            "structures or force components, with 95 % intervals over test structures; on the line they are as large "
            "as the uncertainties say. Hexagons: absolute errors of single ones. Legends: how many errors lie within "
            "the bounds that should hold 68 and 95 % of them, with 95 % intervals."
        )
