"""Predictions of all models of a curve, comparisons structure by structure, and exported models."""

from typing import Any

from mftl import catalogue
from mftl import recipe as recipes
from mftl.checks import require_figure
from mftl.config.whole import Config
from mftl.figures.parity import Parity
from mftl.inputs import InputError
from mftl.paths import card_of, head_of, models_of


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Models of a curve, labels that it is tested against and those added to what a Δ model predicts, the split."""
    system, levels = config.target_of(wildcards.curve)
    folder = f"results/labels/{system}"
    return {
        "models": models_of(config, wildcards.curve),
        "cards": _chosen_cards(config, wildcards.curve),
        "labels": [f"{folder}/{level}.extxyz" for level in levels],
        "states": [f"{folder}/{level}.csv" for level in levels[1:]],
        "split": f"results/splits/{system}.json",
    }


def models(config: Config, wildcards: Any) -> dict[str, Any]:
    """Recipes, open numbers and seeds of a curve's models, and which head of a foundation model is used."""
    tried = config.recipes_of(wildcards.curve)
    return {
        "recipes": [str(one) for one in tried],
        "values": config.curves[wildcards.curve].values or [0],
        "seeds": config.seeds_of(wildcards.curve),
        "head": head_of(config, tried[0]),
    }


def settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What batches hold at most, how much of the test set is used and how energies are compared, as one value.

    Snakemake compares the set of values, in which 100 for a batch hides 100 test structures.
    """
    recipe, (_, levels) = config.recipes_of(wildcards.curve)[0], config.target_of(wildcards.curve)
    return {
        "limit": limit(config, wildcards),
        "test_structures": config.tests_at_most(wildcards.curve),
        "relative": not recipe.stages or recipe.last.levels[0] != levels[0],
    }


def limit(config: Config, wildcards: Any) -> dict[str, int | None]:
    """What a batch holds at most, for ``mftl.batches.Limit``."""
    return {"structures": config.prediction.batch_size, "edges": config.prediction.edges}


def compared(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Labels and the model that a figure compares structure by structure."""
    return _parity(config, wildcards.figure).compared(config)


def compared_head(config: Config, wildcards: Any) -> str | None:
    """Which head of that model is used."""
    return head_of(config, recipes.parse(_parity(config, wildcards.figure).model))


def exportable(config: Config) -> list[str]:
    """Curves of which a best model can be exported: no foundation models as they are, nor snapshots.

    Snapshots have no validation errors to choose by.
    """
    firsts = {name: config.recipes_of(name)[0] for name in config.curves}
    return [name for name, one in firsts.items() if one.stages and one.last.epochs is None]


def exported(config: Config, wildcards: Any) -> list[str]:
    """Models of the curves that are to be exported. Raises InputError if the configuration names none."""
    if not config.export:
        known = exportable(config)
        raise InputError(
            f"export: got no curve; valid: a list of {', '.join(known)} in the configuration, "
            f"or ask for one: snakemake results/export/{known[0]}/model.pt"
        )
    return [f"results/export/{curve}/model.pt" for curve in config.export]


def export_inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """All models of a curve, their cards and predictions."""
    found = models_of(config, wildcards.curve)
    predictions = f"results/predictions/{wildcards.curve}.npz"
    return {"models": found, "cards": [card_of(path) for path in found], "predictions": predictions}


def last_stage(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Labels that the last stage of a curve learned, and the split of their system."""
    stage = config.recipes_of(wildcards.curve)[0].last
    labels = [f"results/labels/{stage.system}/{level}.extxyz" for level in stage.levels]
    return {"labels": labels, "split": f"results/splits/{stage.system}.json"}


def difference(config: Config, wildcards: Any) -> str | None:
    """The level that must be added to what the models of a curve predict; None if they predict energies."""
    return "".join(config.target_of(wildcards.curve)[1][1:]) or None


def origins(config: Config, wildcards: Any) -> list[dict[str, str]]:
    """Where the labels come from that the stages of a curve's recipe learn, and under which licence."""
    first = config.recipes_of(wildcards.curve)[0]
    learned = [(part.system, level) for stage in first.stages for part in stage.parts for level in part.levels]
    for i, stage in enumerate(first.stages):
        until = recipes.Recipe(first.stages[: i + 1], first.foundation)
        for way in config.mode(stage.mode).ways().values():
            learned += way.learned(config, until)
    rows = [{"system": system, "level": level} | _origin(config, system, level)
            for system, level in dict.fromkeys(learned)]  # fmt: skip
    if first.foundation:
        model = config.foundation_of(first.foundation)
        source = catalogue.FILES[model.download].source if hasattr(model, "download") else None
        name = {"system": f"foundation model {first.foundation}", "level": "its own"}
        rows.insert(0, name | _licensed(source, model.file))
    return rows


def _parity(config: Config, figure: str) -> Parity:
    require_figure(config, figure)
    found = config.figures[figure]
    if not isinstance(found, Parity):
        raise InputError(f"figures.{figure}.kind: {found.kind} compares nothing structure by structure")
    return found


def _chosen_cards(config: Config, curve: str) -> list[str]:
    """Cards that say which epochs were chosen for each model of a curve; none if its recipes say so themselves."""
    choosers = [one.chooser for one in config.recipes_of(curve)]
    architecture, seeds = config.curves[curve].architecture, config.seeds_of(curve)
    return [card_of(recipes.model_path(architecture, one, seed)) for one in choosers if one for seed in seeds]


def _origin(config: Config, system: str, level: str) -> dict[str, str]:
    """Where a level's labels come from, and their licence."""
    described = config.systems[system].levels[level]
    if hasattr(described, "dataset"):
        return _licensed(catalogue.FILES[catalogue.DATASETS[described.dataset].files[0]].source, "")
    if hasattr(described, "file"):
        return _licensed(None, described.file)
    if hasattr(described, "outputs"):
        return _licensed(None, ", ".join(described.outputs))
    return {"origin": f"computed with {described.engine}", "licence": "yours"}


def _licensed(source: str | None, file: str) -> dict[str, str]:
    """Origin and licence of what was downloaded from a known source, ships, or is the user's own."""
    if source:
        known = catalogue.SOURCES[source]
        return {"origin": f"{known.title}: {known.citation}", "licence": known.licence}
    if "/resources/" in f"/{file}":
        return {"origin": f"{file}, computed for mftl", "licence": "MIT"}
    return {"origin": file, "licence": "as your file's; ask where it comes from"}
