"""The whole configuration, from which the JSON schema and the commented defaults come.

Imports neither torch nor ASE: the Snakefile reads the configuration on every call.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from mftl import figures, registry
from mftl import recipe as recipes
from mftl.batches import EDGES, STRUCTURES
from mftl.config.advice import Advice
from mftl.config.base import FigureName, Name, Section
from mftl.config.cost import Cost
from mftl.config.curves import Curve
from mftl.config.dynamics import Protocol
from mftl.config.foundation import AnyFoundationModel, FoundationDownload, FoundationModel
from mftl.config.given import filled
from mftl.config.labels import Labels, Verification
from mftl.config.messages import explain
from mftl.config.modes import BUDGET, AnyMode, single, twin
from mftl.config.plot import OTHERS, ROLES, Plot
from mftl.config.robustness import Robustness
from mftl.config.selections import Selection
from mftl.config.systems import Downloads, System
from mftl.config.training import Architecture, Training
from mftl.inputs import InputError

if TYPE_CHECKING:  # what it is depends on the plugs that are found
    from mftl.figures.base import Figure as AnyFigure
else:
    AnyFigure = registry.union(figures.sections(), figures.form)


class Prediction(Section):
    """How models are evaluated."""

    batch_size: PositiveInt = Field(STRUCTURES, description="structures evaluated at once")
    edges: PositiveInt | None = Field(
        None,
        description="neighbours of all atoms evaluated at once, of one structure any number; memory goes by them "
        f"(null: {EDGES['cpu']} on a CPU, {EDGES['cuda']} on a GPU)",
    )
    test_structures: PositiveInt | None = Field(None, description="use only so many of the test set (null: all)")


class Config(Section):
    """The whole configuration."""

    scale: str = Field("built-in", description="name of this scale in tables and captions: built-in, paper, …")
    seeds: PositiveInt = Field(3, description="models trained for each point of a curve, seed-1 to seed-<seeds>")
    device: Literal["cpu", "cuda", "auto"] = Field("cpu", description="where models train and predict")
    studies: list[str] = Field(
        [], description="files with systems, curves, figures and the like, one for each study, read before this one"
    )
    extensions: list[str] = Field(
        [], description="folders with kinds of figures, pools or engines of your own; docs/extending.md"
    )
    data: str | None = Field(
        None, description="a folder that file names may begin with, as {data}/…: snakemake --config data=/folder"
    )
    foundation: str | None = Field(
        None,
        description="what {foundation} in recipes stands for: a recipe, a key of `foundation_models`, or a model file: "
        "snakemake --config foundation=/folder/a.model",
    )
    downloads: Downloads = Field(Downloads(), description=Downloads.__doc__)
    systems: dict[Name, System] = Field(description="pools of structures and their levels of theory")
    labels: Labels = Field(Labels(), description=Labels.__doc__)
    verification: Verification = Field(Verification(), description=Verification.__doc__)
    architectures: dict[str, Architecture] = Field({"tiny": Architecture()}, description="MACE models by name")
    foundation_models: dict[Name, AnyFoundationModel] = Field(
        {},
        description="MACE models that recipes may start from: name: file, or name: {file: ..., head: ...}, or name: "
        "{download: its name}",
    )
    training: Training = Field(Training(), description=Training.__doc__)
    finetuning: dict[str, Any] = Field(
        {}, description="keys of `training` with other values for stages that have a parent model"
    )
    modes: dict[Name, AnyMode] = Field({"default": AnyMode()}, description="named ways to train")
    selections: dict[Name, Selection] = Field(
        {}, description="orders of structures, for modes with an `order` and for what to label next"
    )
    snapshots: list[PositiveInt] = Field(
        [1, 2, 4, 8, 16, 32], min_length=1, description="epochs of a stage that `.ebest` in a recipe tries"
    )
    prediction: Prediction = Field(Prediction(), description=Prediction.__doc__)
    curves: dict[Name, Curve] = Field({}, description="recipes with one number left open")
    dynamics: dict[Name, Protocol] = Field({}, description="named protocols of molecular dynamics")
    figures: dict[FigureName, AnyFigure] = Field(
        {}, description="figures: results/<name>.pdf; a name may have a folder, such as elements/fig2"
    )
    plot: Plot = Field(Plot(), description=Plot.__doc__)
    export: list[Name] = Field([], description="curves of which `snakemake export` writes the best model")
    cost: Cost = Field(Cost(), description=Cost.__doc__)
    advice: Advice | None = Field(
        None, description="what `snakemake advice` is to find out: which labels, how many, which way to train"
    )
    robustness: Robustness | None = Field(
        None,
        description="what `snakemake robustness` tests: what models forgot, dimers, random structures, hot simulations",
    )

    def foundation_of(self, name: str) -> FoundationModel | FoundationDownload:
        """A foundation model's file and head."""
        given = self.foundation_models[name]
        return FoundationModel(file=given) if isinstance(given, str) else given

    def seeds_of(self, curve: str) -> list[int]:
        """Seeds of a curve: 1, 2, …; one of a foundation model as it is."""
        if not recipes.parse(self.curves[curve].recipe).stages:
            return [1]
        return list(range(1, (self.curves[curve].seeds or self.seeds) + 1))

    def open_recipe(self, curve: str) -> recipes.Recipe | None:
        """The recipe of a curve as it is written; None if there is no such curve, or its recipe cannot be read."""
        return recipes.read(self.curves[curve].recipe) if curve in self.curves else None

    def recipes_of(self, curve: str) -> list[recipes.Recipe]:
        """Recipes of a curve, one for each value of its open number; a foundation model as it is has none."""
        open_recipe = recipes.parse(self.curves[curve].recipe)
        if not open_recipe.stages:
            return [open_recipe]
        return [open_recipe.at(value) for value in self.curves[curve].values]

    def target_of(self, curve: str) -> tuple[str, list[str]]:
        """System and level that a curve is tested against, and the level that is added to what a Δ model predicts."""
        recipe, test = recipes.parse(self.curves[curve].recipe), self.curves[curve].test
        low = recipe.last.levels[1:] if recipe.stages else ()
        system, level = test.split(".") if test else (recipe.last.system, recipe.last.levels[0])
        return system, [level, *low]

    def tests_at_most(self, curve: str) -> int | None:
        """How many structures of its test set a curve is tested on, if not on all."""
        given = [self.prediction.test_structures, self.curves[curve].test_structures]
        return min((one for one in given if one), default=None)

    def tested(self, curve: str) -> int:
        """How many structures a curve is tested on; those of the kinds that are only tested on come on top."""
        split = self.systems[self.target_of(curve)[0]].split
        size = split.test if split else 0
        return min(size, self.tests_at_most(curve) or size)

    def mode(self, name: str) -> Any:
        """The section of a mode as recipes name it, that of a twin being its mode's; None if there is none."""
        one = single(name)
        if one is None:
            return self.modes.get(name)
        return self.modes.get(one) if twin(one) == name else None

    def training_of(self, mode: str, has_parent: bool) -> Training:
        """The section `training` with the values that fine-tuning and a mode replace; twice the budget for a twin."""
        values = self.training.model_dump() | (self.finetuning if has_parent else {}) | self.mode(mode).training
        if (fraction := values.pop("learning_rate_fraction", None)) is not None:
            values["learning_rate"] = fraction * self.training.learning_rate
        found = Training(**values)
        if single(mode) is None:
            return found
        return found.model_copy(update={key: 2 * getattr(found, key) for key in BUDGET})

    def snapshots_of(self, architecture: str, trained: recipes.Recipe) -> list[int]:
        """Epochs after which the curves ask for a snapshot of a training run; empty if none does."""
        return sorted(
            {r.last.epochs for r in self.models.get(architecture, set()) if r.last.epochs and r.trained == trained}
        )

    def wants_best(self, architecture: str, trained: recipes.Recipe) -> bool:
        """Whether a training run is to find its best model, not only snapshots."""
        return trained in self.models.get(architecture, set()) or not self.snapshots_of(architecture, trained)

    @cached_property
    def models(self) -> dict[str, set[recipes.Recipe]]:
        """Recipes of all models that curves and figures ask for, with their parents, for each architecture."""
        found: dict[str, set[recipes.Recipe]] = {}
        asked: list[tuple[str, list[recipes.Recipe | None]]] = [
            (curve.architecture, [*self.recipes_of(name)]) for name, curve in self.curves.items()
        ]
        asked += [
            (architecture, [recipes.read(model)])
            for figure in self.figures.values()
            for _, architecture, model in figure.models()
        ]
        asked += [(one.architecture, [recipes.read(one.model)]) for one in self.selections.values()]
        for architecture, todo in asked:
            while todo:
                recipe = todo.pop()
                if recipe is None or not recipe.stages or recipe in found.get(architecture, ()):
                    continue
                found.setdefault(architecture, set()).add(recipe)
                todo += recipe.candidates(self.snapshots) if recipe.chooses else [recipe.parent]
        return found

    def look_of(self, curve: str) -> dict[str, str]:
        """Colour, marker and line of a curve, the same in every figure; ``role_look`` where it has a role."""
        role = self.curves[curve].role or curve
        if role in ROLES or role in self.plot.colors:
            return self.role_look(role)
        free = [one for one, c in self.curves.items() if not c.role and one not in ROLES | self.plot.colors]
        return dict(zip(("color", "marker", "linestyle"), OTHERS[free.index(curve) % len(OTHERS)], strict=True))

    def role_look(self, role: str) -> dict[str, str]:
        """Colour, marker and line of a role."""
        color, marker, line = ROLES.get(role, ("#555555", "o", "-"))
        return {"color": self.plot.colors.get(role, color), "marker": marker, "linestyle": line}


def parse(values: dict[str, Any]) -> Config:
    """Check a configuration as read from YAML, key by key; ``checks.load`` also checks it against the data.

    Raises InputError with one line for each mistake: the key's path, the value given, and what would be valid.
    """
    values = filled(values)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(Config, values, error)) from None
