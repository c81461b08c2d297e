"""Training: one rule makes every model, and the parent of a model is its path less the last stage.

A stage without ``.e`` is trained, one with it is a snapshot of that training, and one after ``.ebest`` is chosen among
those trained from each snapshot. The constraints of the three rules' wildcard exclude each other.
"""

from dataclasses import replace
from typing import Any

from mftl import recipe as recipes
from mftl.config.modes import single
from mftl.config.whole import Config
from mftl.paths import card_of, head_of, model_file, order_file
from mftl.recipe import LEVEL, MODE, NAME
from mftl.sources import source_hash
from mftl.training.ways import modules

_PART = rf"{NAME}\.{LEVEL}\.n\d+"
_STAGE = rf"(?:{_PART}\+)*{_PART}"
_MODE = rf"(?:\.{MODE})?"
_PARENTS = r"(?:(?:[^/]+/)*(?![^/]*\.ebest[./])[^/]+/)?"
TRAINED = rf"{_PARENTS}{_STAGE}{_MODE}"
SNAPSHOT = rf"{_PARENTS}{_STAGE}\.e\d+{_MODE}"
CHOSEN = rf"(?:[^/]+/)*{_STAGE}\.ebest{_MODE}/{_STAGE}{_MODE}"


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Labels, split, parent model, what other parts and ways of the mode read, and a shorter run to be continued."""
    recipe = recipes.parse(wildcards.recipe)
    stage = recipe.last
    files: dict[str, str | list[str]] = {
        "labels": [f"results/labels/{stage.system}/{level}.extxyz" for level in stage.levels],
        "split": f"results/splits/{stage.system}.json",
    }
    if recipe.parent:
        files["parent"] = model_file(config, wildcards.architecture, recipe.parent, wildcards.seed)
    if order := config.mode(stage.mode).order:
        files["order"] = order_file(order, wildcards.seed)
    for i, part in enumerate(stage.others):
        files[f"joint_{i}"] = [f"results/labels/{part.system}/{level}.extxyz" for level in part.levels]
        files[f"joint_split_{i}"] = f"results/splits/{part.system}.json"
    for way in config.mode(stage.mode).ways().values():
        files |= way.inputs(config, recipe)
    if shorter := _shorter(config, wildcards.architecture, recipe):
        files["shorter"] = recipes.model_path(wildcards.architecture, shorter, wildcards.seed)
    return files


def _shorter(config: Config, architecture: str, recipe: recipes.Recipe) -> recipes.Recipe | None:
    """The training with half the budget that one in a twin of a mode continues, if it is one that curves ask for."""
    mode = single(recipe.last.mode)
    if mode is None or config.training_of(mode, recipe.parent is not None).learning_rate_final is not None:
        return None
    shorter = replace(recipe, stages=(*recipe.stages[:-1], replace(recipe.last, mode=mode)))
    return shorter if shorter in config.models.get(architecture, ()) else None


def data(config: Config, wildcards: Any) -> dict[str, Any]:
    """How many structures are trained on, and whether each seed has others."""
    stage = recipes.parse(wildcards.recipe).last
    return {"size": stage.size, "resample": config.mode(stage.mode).resample}


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """Values of `training` that the stage uses; a run for snapshots alone ends with the last of them."""
    recipe = recipes.parse(wildcards.recipe)
    unused = set() if config.wants_best(wildcards.architecture, recipe) else {"epochs", "min_steps"}
    return config.training_of(recipe.last.mode, recipe.parent is not None).model_dump(exclude=unused)


def new_model(config: Config, wildcards: Any) -> dict[str, Any] | None:
    """What only a model without a parent needs: its architecture and elements."""
    recipe = recipes.parse(wildcards.recipe)
    if recipe.parent:
        return None
    return {
        "architecture": config.architectures[wildcards.architecture].model_dump(),
        "elements": config.systems[recipe.last.system].elements,
    }


def parent_head(config: Config, wildcards: Any) -> str | None:
    """Which head of a foundation model training starts from."""
    return head_of(config, recipes.parse(wildcards.recipe).parent)


def ways(config: Config, wildcards: Any) -> dict[str, Any] | None:
    """What the mode does besides replacing values of `training`, by key, and the other parts of a joint stage."""
    recipe = recipes.parse(wildcards.recipe)
    stage, mode = recipe.last, config.mode(recipe.last.mode)
    found = {key: way.params(config, recipe) for key, way in mode.ways().items()}
    if stage.others:
        order = int(wildcards.seed) if mode.resample else None
        found["joint"] = [
            {"system": part.system, "level": part.level, "size": part.size, "order": order} for part in stage.others
        ]
    return found or None


def snapshots(config: Config, wildcards: Any) -> list[int]:
    """Epochs after which the model is kept."""
    return config.snapshots_of(wildcards.architecture, recipes.parse(wildcards.recipe))


def until_best(config: Config, wildcards: Any) -> bool:
    """Whether to train until the best model is found."""
    return config.wants_best(wildcards.architecture, recipes.parse(wildcards.recipe))


def trained_model(config: Config, wildcards: Any) -> str:
    """The training that a snapshot is of."""
    return recipes.model_path(wildcards.architecture, recipes.parse(wildcards.recipe).trained, wildcards.seed)


def snapshot_file(config: Config, wildcards: Any) -> str:
    """Where that training leaves the snapshot."""
    epochs = recipes.parse(wildcards.recipe).last.epochs
    return trained_model(config, wildcards).replace("model.pt", f"snapshots/e{epochs}.pt")


def candidates(config: Config, wildcards: Any) -> dict[str, list[str]]:
    """Models among which one is chosen, in the order of `snapshots`, and their cards."""
    tried = recipes.parse(wildcards.recipe).candidates(config.snapshots)
    models = [recipes.model_path(wildcards.architecture, one, wildcards.seed) for one in tried]
    return {"models": models, "cards": [card_of(model) for model in models]}


def source(config: Config, wildcards: Any) -> str:
    """A hash of the code that trains a stage."""
    return source_hash("train", *modules(ways(config, wildcards) or {}))
