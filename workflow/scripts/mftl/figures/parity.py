"""What figures have that compare one model and one level of theory with another level, structure by structure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import Name, listed, mistake
from mftl.config.foundation import lacking
from mftl.config.plot import ROLES
from mftl.figures.base import Figure, Files, Table
from mftl.model_files import elements_of
from mftl.paths import model_file

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Parity(Figure):
    """A comparison of one model and one level of theory with another level, structure by structure."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points")
    or_else: ClassVar[str] = "since forces are drawn"

    system: Name = Field(description="the system whose structures are compared: all that have both labels")
    reference: Name = Field(description="the level compared with")
    level: Name = Field(description="the level compared")
    level_label: str = Field(description="its name in the figure")
    model: str = Field(description="the model compared: a key of `foundation_models`, or a recipe, as in curves")
    model_label: str = Field(description="its name in the figure")
    architecture: str = Field("tiny", description="a key of `architectures`, of a recipe")
    seed: PositiveInt = Field(1, description="of a recipe")
    role: Name = Field("foundation", description="the model's colour: a key of `plot.colors` or a built-in role")

    @property
    def draws_forces(self) -> bool:
        """Whether it cannot do without forces."""
        return True

    def models(self) -> list[tuple[str, str, str]]:
        """The model compared."""
        return [("model", self.architecture, self.model)]

    def compared(self, config: "Config") -> Files:
        """Labels at both levels and the model; the split too if the model was trained on structures of the system."""
        folder, parsed = f"results/labels/{self.system}", recipes.parse(self.model)
        files: Files = {
            "reference": f"{folder}/{self.reference}.extxyz",
            "level": f"{folder}/{self.level}.extxyz",
            "model": model_file(config, self.architecture, parsed, self.seed),
        }
        if any(part.system == self.system for stage in parsed.stages for part in stage.parts):
            files["split"] = f"results/splits/{self.system}.json"
        return files

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of the model and of the level, and how sure they are."""
        files: Files = {"compared": f"results/comparisons/{name}.npz"}
        modules = {"errors": "comparison_errors", "points": "comparison_points"}
        return [Table(folder, module, files, {"figure": name}) for folder, module in modules.items()]

    def inputs(self, config: "Config", name: str) -> Files:
        """All that was compared, and the errors."""
        folder = f"results/comparisons/{name}"
        return {"data": f"{folder}.npz", "structures": f"{folder}.csv"} | super().inputs(config, name)

    def params(self, config: "Config") -> dict[str, Any]:
        """Labels and colours of the model and the level, and the name of the level compared with."""
        model = {"label": self.model_label, "color": config.role_look(self.role)["color"]}
        level = {"label": self.level_label, "color": config.role_look("level")["color"]}
        return {"series": {"model": model, "level": level}, "reference": self.reference}

    def subjects(self) -> str:
        """What is compared, in words."""
        return (
            f"of {self.system} by {self.model_label} (``{self.model}``) and by {self.level_label} (``{self.level}``), "
            f"against {self.reference}; of all structures that both levels label."
        )

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Systems, levels, models and roles that are not there or cannot be compared."""
        if self.system not in config.systems:
            yield mistake(f"{path}.system", self.system, f"the systems: {listed(config.systems)}")
            return
        levels = config.systems[self.system].levels
        for key in ("reference", "level"):
            if getattr(self, key) not in levels:
                yield mistake(f"{path}.{key}", getattr(self, key), f"the levels of {self.system}: {listed(levels)}")
            elif self.draws_forces and not levels[getattr(self, key)].has_forces:
                yield mistake(f"{path}.{key}", getattr(self, key), f"a level with forces, {self.or_else}")
        if self.reference == self.level:
            yield mistake(f"{path}.level", self.level, "another level than the reference")
        if (recipe := recipes.read(self.model)) and recipe.stages and len(recipe.last.levels) > 1:
            yield mistake(f"{path}.model", self.model, "a model of energies, not of a difference (~)")
        if self.model in config.foundation_models:
            file, elements = config.foundation_of(self.model).file, config.systems[self.system].elements
            if valid := lacking(file, elements_of(file), self.system, elements):
                yield mistake(f"{path}.model", self.model, valid)
        if self.role not in ROLES | config.plot.colors:
            known = listed(ROLES | config.plot.colors)
            yield mistake(f"{path}.role", self.role, f"a built-in role or a key of plot.colors ({known})")
