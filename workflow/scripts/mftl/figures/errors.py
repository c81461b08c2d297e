"""What figures have that draw errors of curves on a test set."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import Section, listed, mistake
from mftl.config.curves import Reference
from mftl.config.plot import BARS, BarsName
from mftl.figures.base import Figure, Files, Table

if TYPE_CHECKING:
    from mftl.config.whole import Config

UnitsName = Literal["meV/atom", "kcal/mol"]  # of mftl.errors.UNITS, which needs numpy


class Errors(Figure):
    """A figure that draws errors of curves on a test set."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors",)
    OPEN: ClassVar[tuple[str, ...]] = ("size", "epochs")  # which number of its curves may be open

    curves: list[str] = Field(min_length=1, description="keys of `curves`, in the order of the legend")
    units: UnitsName = Field(
        "meV/atom",
        description="of energies per atom, with forces in meV/Å; or kcal/mol: energies of whole structures, forces in "
        "kcal/mol/Å",
    )

    def all_curves(self) -> list[str]:
        """Its curves, with those that it draws only a line of."""
        return self.curves

    def target(self, config: "Config") -> tuple[str, str]:
        """The system and level that its curves are tested against."""
        system, levels = config.target_of(self.curves[0])
        return system, levels[0]

    def tests_forces(self, config: "Config") -> bool:
        """Whether what its curves are tested against has forces; where that is not there, another check says so."""
        system, level = self.target(config) if self.curves[0] in config.curves else ("", "")
        known = config.systems[system].levels if system in config.systems else {}
        return level not in known or known[level].has_forces

    def test(self, config: "Config") -> str:
        """The same in words."""
        return " at ".join(self.target(config))

    def predictions(self) -> Files:
        """Predictions of all its curves."""
        return {"predictions": [f"results/predictions/{curve}.npz" for curve in self.all_curves()]}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All its curves at all their values."""
        return {curve: config.curves[curve].values for curve in self.all_curves()}

    def lacking_values(self, config: "Config", path: str, wanted: list[int]) -> Iterator[str]:
        """A line for each value that a curve does not have."""
        for name in self.curves:
            known = config.curves[name].values if name in config.curves else []
            for value in wanted:
                if known and value not in known:
                    yield mistake(path, value, f"values of {name}: {listed(map(str, known))}")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves that it cannot draw."""
        targets = {}
        for i, name in enumerate(self.curves):
            if name not in config.curves:
                yield mistake(f"{path}.curves.{i}", name, f"the curves: {listed(config.curves)}")
            elif (recipe := config.open_recipe(name)) and (recipe.stages or config.curves[name].test):
                system, levels = config.target_of(name)
                targets[name] = (system, levels[0])
                if recipe.open not in (None, *self.OPEN):
                    yield mistake(f"{path}.curves.{i}", name, f"a curve whose {' or '.join(self.OPEN)} is open (*)")
        if len(set(targets.values())) > 1:
            what = listed(f"{name} {'.'.join(target)}" for name, target in targets.items())
            yield mistake(f"{path}.curves", self.curves, f"curves that are tested against the same labels ({what})")


class AverageErrors(Errors):
    """A figure that draws errors averaged over the test set."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points")

    error: Literal["rmse", "mae"] | None = Field(None, description="which error is drawn (null: that of `plot`)")
    bars: BarsName | None = Field(None, description="what its error bars are (null: those of `plot`)")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of all models of its curves, and their means with intervals."""
        settings = {"figure": name, "curves": self.all_curves(), "units": self.units} | self.table_settings()
        files = self.predictions() | self.table_files(config)
        return [Table(folder, folder, files, settings) for folder in ("errors", "points")]

    def table_files(self, config: "Config") -> Files:
        """What its tables are made of besides predictions."""
        return {}

    def table_settings(self) -> dict[str, Any]:
        """What its tables are told besides its curves."""
        return {}

    def params(self, config: "Config") -> dict[str, Any]:
        """Legend, test set, and in what its seeds differ."""
        return self.legend(config) | {"test": self.test(config), "spread": self.spread(config)}

    def spread(self, config: "Config") -> str:
        """In what the seeds of its curves differ."""
        names = [one for one in self.all_curves() if recipes.parse(config.curves[one].recipe).stages]
        redrawn = {self.redraws(config, one) for one in names}
        if redrawn == {True}:
            return "other weights and training structures"
        return "other weights" + (", of some curves other training structures" if True in redrawn else "")

    def redraws(self, config: "Config", curve: str) -> bool:
        """Whether each seed of a curve has other structures in one of its stages, redrawn or in an order of its own."""
        modes = (config.mode(stage.mode) for stage in recipes.parse(config.curves[curve].recipe).stages)
        return any(mode is not None and (mode.resample or mode.order is not None) for mode in modes)

    def bars_text(self, config: "Config") -> str:
        """What its error bars are, in words."""
        return f"Means over seeds; bars: {BARS[self.bars or config.plot.bars]} seeds."

    def style(self, config: "Config") -> dict[str, Any]:
        """The section `plot`, with what it has of its own."""
        return super().style(config) | self.model_dump(include={"error", "bars"}, exclude_none=True)

    def sizes_label(self, config: "Config") -> str:
        """Label of the axis of training sizes, of the stage whose size is open."""
        stages = recipes.parse(config.curves[self.curves[0]].recipe).stages
        earlier = [part.level for stage in stages[:-1] for part in stage.parts if part.size == recipes.OPEN]
        if earlier:
            return f"Pre-training structures at {earlier[0]}"
        beside = [part.level for stage in stages[-1:] for part in stage.others if part.size == recipes.OPEN]
        if beside:
            return f"Training structures at {beside[0]}"
        return f"Training structures at {self.target(config)[1]}"


class Mark(Section):
    """A value of the open number, drawn as a vertical line."""

    value: PositiveInt = Field(description="where it is")
    label: str = Field(description="name in the legend")


class Lines(AverageErrors):
    """Errors against the open number of its curves, with points of other curves as horizontal lines."""

    references: list[Reference] = Field([], description="horizontal lines, such as the error without pre-training")
    quantities: list[Literal["energy", "forces", "stress"]] = Field(
        ["energy", "forces"], min_length=1, description="a panel for each; of labels without one there is none"
    )
    marks: list[Mark] = Field([], description="vertical lines, such as ten times the size of the last stage")

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
        """What all have, and the lines."""
        lines = {"references": [one.model_dump() for one in self.references]}
        lines |= {"marks": [one.model_dump() for one in self.marks]}
        return super().params(config) | lines | {"curves": self.curves, "quantities": self.quantities}
