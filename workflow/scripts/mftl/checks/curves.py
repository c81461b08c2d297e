"""Checks of recipes: of what curves, and figures that ask for one model, want to have trained."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from mftl import recipe as recipes
from mftl.checks import orders
from mftl.config.base import listed, mistake
from mftl.config.curves import Curve
from mftl.config.foundation import lacking
from mftl.config.modes import single
from mftl.config.training import ACCELERATED_CORRELATIONS, Training
from mftl.config.whole import Config
from mftl.inputs import InputError
from mftl.model_files import elements_of

Available = Callable[[str, str], int | None]  # structures that a stage can train on, of a system and a level


def mistakes(
    config: Config, section: str, curve: Curve, available: Available, root: Path, key: str = "recipe"
) -> Iterator[str]:
    """A line for each thing wrong with what is to be trained for a curve.

    ``section`` is the path of its section, ``key`` that of its recipe there; with ``model`` no number may be open.
    Names of model files are relative to ``root``.
    """
    path = f"{section}.{key}"
    if curve.architecture not in config.architectures:
        yield mistake(f"{section}.architecture", curve.architecture, listed(config.architectures))
    try:
        recipe = recipes.parse(curve.recipe)
    except ValueError as error:
        yield mistake(path, curve.recipe, str(error))
        return
    if recipe.open and key == "model":
        yield mistake(path, curve.recipe, "a recipe without an open number (*)")
        return
    if recipe.foundation and recipe.foundation not in config.foundation_models:
        known = listed(config.foundation_models) or "none is configured"
        yield mistake(path, curve.recipe, f"{recipe.foundation} to be a key of foundation_models ({known})")
    if curve.test or not recipe.stages:
        yield from _target_mistakes(config, f"{section}.test", curve.test, recipe)
    if recipe.stages and recipe.open is None and key == "recipe":
        yield mistake(path, curve.recipe, "one number left open, written *")
        return
    if bool(curve.values) != bool(recipe.stages):
        valid = "at least one value of the open number" if recipe.stages else "none: the recipe has no stage"
        yield mistake(f"{section}.values", curve.values, valid)
    for i, stage in enumerate(recipe.stages):
        if config.mode(stage.mode) is not None:
            until = recipes.Recipe(recipe.stages[: i + 1], recipe.foundation)
            yield from _mode_mistakes(config, path, curve, until)
    yield from _element_mistakes(config, path, curve, recipe, root)
    for stage in recipe.stages:
        if stage.system in config.systems and config.mode(stage.mode) is None:
            yield mistake(path, curve.recipe, f"{stage.mode} to be a mode ({listed(config.modes)})")
        values = curve.values if stage.size == recipes.OPEN else [stage.size]
        yield from orders.of_stage(config, path, curve.recipe, stage, values)
        for part in stage.parts:
            yield from _part_mistakes(config, section, path, curve, part, available)


def _part_mistakes(
    config: Config, section: str, path: str, curve: Curve, part: recipes.Part, available: Available
) -> Iterator[str]:
    """What a part of a stage names that is not there, and a size larger than what is labelled."""
    if part.system not in config.systems:
        yield mistake(path, curve.recipe, f"{part.system} to be a system ({listed(config.systems)})")
        return
    system = config.systems[part.system]
    if unknown := [level for level in part.levels if level not in system.levels]:
        yield mistake(path, curve.recipe, f"{unknown[0]} to be a level of {part.system} ({listed(system.levels)})")
        return
    if system.split is None:
        yield mistake(f"systems.{part.system}.split", None, "a split, since a curve trains on the system")
        return
    if not system.split.validation:
        valid = "at least 1, since a curve trains on the system"
        yield mistake(f"systems.{part.system}.split.validation", 0, valid)
    if system.split.level not in system.levels:
        return
    try:
        limit = available(part.system, part.level)
    except (InputError, OSError) as error:
        yield f"  systems.{part.system}: {error}"
        return
    for value in curve.values if part.size == recipes.OPEN else [part.size]:
        if limit is not None and value > limit:
            open_size = part.size == recipes.OPEN
            yield mistake(
                f"{section}.values" if open_size else path,
                value if open_size else curve.recipe,
                f"at most {limit} structures of {part.system} at {part.level} "
                f"(labelled, less {system.split.test} to test and {system.split.validation} to validate)",
            )


def _target_mistakes(config: Config, path: str, given: str | None, recipe: recipes.Recipe) -> Iterator[str]:
    """What is wrong with the test set that a curve names."""
    system, _, level = (given or "").partition(".")
    levels = config.systems[system].levels if system in config.systems else {}
    if level not in levels:
        yield mistake(path, given, "<system>.<level> of the configuration; a recipe without stages needs it")
    elif config.systems[system].split is None:
        yield mistake(f"systems.{system}.split", None, "a split, since a curve is tested on the system")
    elif recipe.stages and (unknown := [low for low in recipe.last.levels[1:] if low not in levels]):
        yield mistake(path, given, f"a system with the level {unknown[0]}, which is added to what the model predicts")


def _mode_mistakes(config: Config, path: str, curve: Curve, recipe: recipes.Recipe) -> Iterator[str]:
    """What is wrong with the mode of a recipe's last stage."""
    mode = recipe.last.mode
    try:
        settings = config.training_of(mode, recipe.parent is not None)
    except ValidationError:
        return  # reported where it is set
    for valid in (*_valid_rates(settings, recipe.last), *_valid_energies_alone(config, settings, recipe.last)):
        yield mistake(path, curve.recipe, valid)
    ways, architecture = config.mode(mode).ways().values(), config.architectures.get(curve.architecture)
    known = ACCELERATED_CORRELATIONS if settings.accelerate != "none" and not recipe.foundation else None
    if known and architecture and architecture.correlation not in known:
        valid = f"{listed(map(str, known))}, or training.accelerate: none"
        yield mistake(f"architectures.{curve.architecture}.correlation", architecture.correlation, valid)
    if recipe.parent is None:
        if settings.needs_parent or ways:
            yield mistake(path, curve.recipe, f"{recipe.last} after another stage: it adapts a parent model")
        return
    for way in ways:
        yield from way.mistakes(config, f"modes.{single(mode) or mode}", recipe)


def _valid_rates(settings: Training, stage: recipes.Stage) -> Iterator[str]:
    """What would be valid in place of learning rates that a stage cannot have."""
    final = settings.learning_rate_final
    if final is None:
        return
    if stage.epochs is not None:
        yield (
            f"a mode of {stage} with learning_rate_final: null: its snapshots would be the models of no "
            "shorter trainings (learning_rate_half_life does not depend on the length)"
        )
    if settings.learning_rate_half_life is not None:
        yield f"{stage} with learning_rate_half_life or learning_rate_final, not both"
    if final > settings.learning_rate:
        yield f"a learning_rate of {stage} not below its learning_rate_final, {final}"


def _valid_energies_alone(config: Config, settings: Training, stage: recipes.Stage) -> Iterator[str]:
    """What would be valid in place of settings with which a stage cannot learn from energies alone."""
    alone = [part for part in stage.parts if not settings.forces_weight or not _has_forces(config, part)]
    if alone and not settings.energy_weight:
        yield f"{alone[0]} to learn something: its labels are energies alone, and its energy_weight is 0"
    if stage in alone and settings.rescale:
        yield (
            f"a mode of {stage} with rescale: false, since it learns energies alone, whose spread says "
            "nothing of the parent's scale: it would shrink to a few per cent before the first step"
        )


def _has_forces(config: Config, part: recipes.Part) -> bool:
    """Whether all levels of a part have forces; those that are not there are told of elsewhere."""
    levels = config.systems[part.system].levels if part.system in config.systems else {}
    return all(levels[one].has_forces for one in part.levels if one in levels)


def _element_mistakes(config: Config, path: str, curve: Curve, recipe: recipes.Recipe, root: Path) -> Iterator[str]:
    """Elements of a stage that neither its parent nor its mode knows, or of the test set of a foundation model.

    Its elements are in its file. Where that does not tell, or is yet to be downloaded, training and prediction look.
    """
    file = ""
    known: list[str] = []  # or unknown
    if recipe.foundation and recipe.foundation in config.foundation_models:
        file = config.foundation_of(recipe.foundation).file
        known = elements_of(root / file) or []
    elif recipe.stages and not recipe.foundation and recipe.stages[0].system in config.systems:
        known = config.systems[recipe.stages[0].system].elements
    tested = (curve.test or "").partition(".")[0]
    raw = not recipe.stages and known and tested in config.systems
    if raw and (valid := lacking(file, known, tested, config.systems[tested].elements)):
        yield mistake(path, curve.recipe, valid)
    for i, stage in enumerate(recipe.stages if known else ()):
        section = config.mode(stage.mode)
        if section is None or any(part.system not in config.systems for part in stage.parts):
            return
        until = recipes.Recipe(recipe.stages[: i + 1], recipe.foundation)
        ways = section.ways() if until.parent else {}
        for key, way in ways.items():
            try:
                known = way.known_after(known)
            except ValueError as error:
                yield mistake(f"modes.{single(stage.mode) or stage.mode}.{key}", way.model_dump(), str(error))
                return
        others = [system for way in ways.values() for system in way.systems(config, until)]
        for system in dict.fromkeys([*(part.system for part in stage.parts), *others]):
            if valid := _valid_elements(config, file, known, until, system):
                yield mistake(path, curve.recipe, valid)
                return


def _valid_elements(config: Config, file: str, known: list[str], recipe: recipes.Recipe, system: str) -> str | None:
    """What would be valid in place of a system that the last stage of a recipe learns; None if its elements are known.

    ``file``: that of the foundation model, if there is one; ``known``: what the model knows when it learns the system.
    """
    elements, stage = config.systems[system].elements, recipe.last
    if file:
        return lacking(file, known, system, elements)
    if not (unknown := [one for one in elements if one not in known]):
        return None
    knower = "the stage before knows" if recipe.parent else f"{stage.system}, the last part, has"
    valid = f"{listed(unknown)} of {system} to be elements that {knower} ({listed(known)})"
    if system == stage.system:
        place = f"{{{unknown[0]}: {known[-1]}}}"
        valid += f", or a mode whose `elements` says whose place each takes, such as {place}"
    return valid
