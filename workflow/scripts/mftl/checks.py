"""Checks of the configuration against itself and against the data, before the first job.

Imports neither torch nor ASE.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mftl import downloads, extxyz
from mftl import recipe as recipes
from mftl.config import (
    ROLES,
    BoxPlots,
    Config,
    Curve,
    DatasetLevel,
    DatasetPool,
    Epochs,
    FigureSection,
    FileLevel,
    FilePool,
    FoundationDownload,
    LearningCurves,
    LowLevels,
    NormalModePool,
    Parity,
    Phonons,
    Reference,
    Simulated,
    Stability,
    StabilityTable,
    Starts,
    System,
    Training,
    listed,
    mistake,
    parse,
    study,
    valid,
)
from mftl.inputs import InputError
from mftl.sampling import drawn
from mftl.splits import chosen_by, divide

RESERVED = ("benchmarks", "export", "figures", "paper", "provenance", "verify_labels")  # results/<name> of other rules
RESERVED_FOLDERS = ("benchmarks", "best", "comparisons", "costs", "datasets", "downloads", "dynamics",
                    "errors", "export",
                    "foundation_models", "labels", "levels", "logs", "low-levels", "models", "pools", "predictions",
                    "phonons", "slater-koster", "simulations", "splits", "structure")  # fmt: skip


def load(values: dict[str, Any], root: Path = Path(".")) -> Config:
    """A configuration whose values fit each other and the files they name; file names are relative to ``root``.

    Raises InputError with one line for each mistake: the key's path, the value given, and what would be valid.
    """
    config = parse(values)
    mistakes = list(_inconsistencies(config, root))
    if mistakes:
        raise InputError("\n".join(["The configuration cannot be used:", *mistakes]))
    return config


def pool_ids(system: System, root: Path = Path(".")) -> list[str] | None:
    """Ids of a pool without computing it, in order; None if they are known only once it is built."""
    if isinstance(system.pool, DatasetPool):
        return None
    if not isinstance(system.pool, FilePool):
        return system.pool.known()["id"]
    path = root / system.pool.file
    if not extxyz.is_extxyz(path):
        return None
    ids = extxyz.read_ids(path)
    return ids if system.pool.count is None else drawn(ids, system.pool, path)


def pool_size(system: System, root: Path = Path(".")) -> int | None:
    """Structures of a pool without computing or downloading it; None if that is known only once it is built."""
    if isinstance(system.pool, DatasetPool):
        return system.pool.count or downloads.DATASETS[system.pool.dataset].structures
    ids = pool_ids(system, root)
    return None if ids is None else len(ids)


def pool_info(system: System, key: str, root: Path = Path(".")) -> list[str | None] | None:
    """An info key of a pool's structures without computing it, in order; None if it is known only once it is built."""
    if isinstance(system.pool, DatasetPool) or (isinstance(system.pool, FilePool) and system.pool.count):
        return None
    if not isinstance(system.pool, FilePool):
        return system.pool.known().get(key)
    path = root / system.pool.file
    return extxyz.read_info(path, key) if extxyz.is_extxyz(path) else None


def first_periodic(system: System, root: Path = Path("."), periodic: bool = True) -> str | None:
    """Id of a crystal in a pool, without computing the pool; None if there is none, or if that is known only later.

    With ``periodic=False``: of a molecule.
    """
    if isinstance(system.pool, DatasetPool):
        dataset = downloads.DATASETS[system.pool.dataset]
        return f"1 of {system.pool.dataset}" if dataset.periodic == periodic else None
    if not isinstance(system.pool, FilePool):
        molecules = isinstance(system.pool, NormalModePool)
        return system.pool.known()["id"][0] if periodic != molecules else None
    path = root / system.pool.file
    return extxyz.first_periodic(path, periodic) if extxyz.is_extxyz(path) else None


def available(config: Config, system: str, level: str, root: Path = Path(".")) -> int | None:
    """Structures that a stage can train on: labelled at all its levels, in neither test nor validation set.

    An upper bound where an engine is still to compute the labels and may fail on some; None if unknown.
    """
    chosen = config.systems[system]
    ids = pool_ids(chosen, root)
    if chosen.split is None:
        return None
    if isinstance(chosen.pool, DatasetPool):
        size = pool_size(chosen, root)
        labelled_at = [chosen.levels[name].first or size for name in level.split("~")]
        return min(*labelled_at, size - chosen.split.test - chosen.split.validation)
    if ids is None:
        return None
    info = {key: pool_info(chosen, key, root) for key in chosen.split.test_only}
    if None in info.values():
        return None

    def labelled(name: str) -> set[str]:
        one = chosen.levels[name]
        if isinstance(one, FileLevel):
            return set(extxyz.read_ids(root / one.file))
        if one.only or one.also:
            return set(ids)
        return set(ids[: one.first])

    # strata do not change how many there are
    split = divide(ids, labelled(chosen.split.level), chosen.split, chosen_by(chosen.split.test_only, ids, info))
    usable = set.intersection(*(labelled(name) for name in level.split("~")))
    return len(usable.intersection(split["training"]))


def _inconsistencies(config: Config, root: Path) -> Iterator[str]:
    """Yield a line for each value that contradicts another one or a file."""
    for name, system in config.systems.items():
        path = f"systems.{name}"
        if isinstance(system.pool, FilePool):
            yield from _missing_file(f"{path}.pool.file", system.pool.file, root)
        if isinstance(system.pool, DatasetPool):
            known = downloads.DATASETS[system.pool.dataset].structures
            if (system.pool.count or 1) > known:
                yield mistake(f"{path}.pool.count", system.pool.count, f"at most {known}, all of {system.pool.dataset}")
        for level, settings in system.levels.items():
            if isinstance(settings, DatasetLevel):
                own = getattr(system.pool, "dataset", None)
                if settings.dataset != own:
                    known = f"{own}, the pool's data set" if own else "no data set, since the pool is from none"
                    yield mistake(f"{path}.levels.{level}.dataset", settings.dataset, known)
            if isinstance(settings, FileLevel):
                yield from _missing_file(f"{path}.levels.{level}.file", settings.file, root)
                if settings.failures:
                    yield from _missing_file(f"{path}.levels.{level}.failures", settings.failures, root)
        if system.split:
            yield from _split_mistakes(name, system)
    for name, model in config.foundation_models.items():
        if not isinstance(model, FoundationDownload):
            yield from _missing_file(f"foundation_models.{name}", config.foundation(name).file, root)
    overrides = {"training": {}, "finetuning": config.finetuning}
    overrides |= {f"modes.{name}.training": mode.training for name, mode in config.modes.items()}
    for path, values in overrides.items():
        try:
            merged = Training(**(config.training.model_dump() | values))
        except ValidationError as error:
            for e in error.errors():
                key = e["loc"][0]
                yield mistake(f"{path}.{key}", values.get(key), valid(e, Training))
            continue
        if not merged.energy_weight and not merged.forces_weight:
            yield mistake(f"{path}.energy_weight", 0, "more than 0, since forces_weight is 0 too: nothing is learned")
    yield from _curve_inconsistencies(config, root)
    for name, protocol in config.dynamics.items():
        yield from _start_mistakes(config, f"dynamics.{name}.starts", protocol.starts)
    for name, figure in config.figures.items():
        yield from _figure_inconsistencies(config, f"figures.{name}", figure)
        folder = study(name).rstrip("/")
        if name in RESERVED or folder in RESERVED_FOLDERS:
            yield mistake(f"figures.{name}", name, f"another name: results/{folder or name} is something else")
    for i, name in enumerate(config.export):
        recipe = _parsed(config.curves[name].recipe) if name in config.curves else None
        if recipe is None or not recipe.stages or recipe.last.epochs is not None:
            yield mistake(f"export.{i}", name, "a curve of trained models, none of snapshots")
    for name, curve in config.curves.items():
        if curve.role and curve.role not in ROLES | config.plot.colors:
            known = listed(ROLES | config.plot.colors)
            yield mistake(f"curves.{name}.role", curve.role, f"a built-in role or a key of plot.colors ({known})")


def _split_mistakes(name: str, system: System) -> Iterator[str]:
    path, split = f"systems.{name}.split", system.split
    if split.level not in system.levels:
        yield mistake(f"{path}.level", split.level, f"the levels of {name}: {listed(system.levels)}")
    if not split.test and not split.test_only:
        yield mistake(f"{path}.test", 0, "at least 1, since no structures are `test_only`")
    if split.stratify and split.block > 1:
        yield mistake(f"{path}.stratify", split.stratify, "null, since blocks decide what goes where")


def _figure_inconsistencies(config: Config, path: str, figure: FigureSection) -> Iterator[str]:
    """Curves that a figure asks for but cannot draw, and levels that its system does not have."""
    wanted = {LearningCurves: "size", LowLevels: "size", Epochs: "epochs", BoxPlots: "size or epochs"}.get(type(figure))
    if wanted:
        targets = {}
        for i, name in enumerate(figure.curves):
            if name not in config.curves:
                yield mistake(f"{path}.curves.{i}", name, f"the curves: {listed(config.curves)}")
            elif (recipe := _parsed(config.curves[name].recipe)) and (recipe.stages or config.curves[name].test):
                system, levels = config.target_of(name)
                targets[name] = (system, levels[0])
                if recipe.open not in (None, *wanted.split(" or ")):
                    yield mistake(f"{path}.curves.{i}", name, f"a curve whose {wanted} is open (*)")
        if len(set(targets.values())) > 1:
            what = listed(f"{name} {'.'.join(target)}" for name, target in targets.items())
            yield mistake(f"{path}.curves", figure.curves, f"curves that are tested against the same labels ({what})")
    if isinstance(figure, Epochs):
        for i, one in enumerate(figure.references):
            if one.curve not in config.curves:
                yield mistake(f"{path}.references.{i}.curve", one.curve, f"the curves: {listed(config.curves)}")
            elif one.value not in (values := config.curves[one.curve].values):
                yield mistake(
                    f"{path}.references.{i}.value", one.value, f"values of {one.curve}: {listed(map(str, values))}"
                )
    if isinstance(figure, BoxPlots):
        for name in figure.curves:
            if name in targets and figure.value not in (values := config.curves[name].values or [figure.value]):
                yield mistake(f"{path}.value", figure.value, f"values of {name}: {listed(map(str, values))}")
    if isinstance(figure, LowLevels):
        for name in figure.curves:
            for value in figure.values:
                if name in config.curves and value not in (values := config.curves[name].values):
                    yield mistake(f"{path}.values", value, f"values of {name}: {listed(map(str, values))}")
        if not any(name in targets and config.low_level(name) for name in figure.curves):
            yield mistake(f"{path}.curves", figure.curves, "a curve that starts with another level of the same system")
    for key, part in _simulated(figure):
        yield from _simulation_mistakes(config, f"{path}{key}", part, list(getattr(figure, "references", [])))
    if isinstance(figure, StabilityTable):
        for name, counts in figure.published.items():
            values = figure.values or (config.curves[name].values if name in config.curves else [])
            if name not in figure.curves or len(counts) != len(values):
                yield mistake(f"{path}.published.{name}", counts, f"of a curve of the table, {len(values)} numbers")
    if isinstance(figure, Phonons):
        yield from _phonon_mistakes(config, path, figure)
    if isinstance(figure, Parity):
        if figure.system not in config.systems:
            yield mistake(f"{path}.system", figure.system, f"the systems: {listed(config.systems)}")
            return
        levels = config.systems[figure.system].levels
        for key in ("reference", "level"):
            if getattr(figure, key) not in levels:
                yield mistake(f"{path}.{key}", getattr(figure, key), f"the levels of {figure.system}: {listed(levels)}")
        if figure.reference == figure.level:
            yield mistake(f"{path}.level", figure.level, "another level than the reference")
        if (recipe := _parsed(figure.model)) and recipe.stages and len(recipe.last.levels) > 1:
            yield mistake(f"{path}.model", figure.model, "a model of energies, not of a difference (~)")
        if figure.role not in ROLES | config.plot.colors:
            known = listed(ROLES | config.plot.colors)
            yield mistake(f"{path}.role", figure.role, f"a built-in role or a key of plot.colors ({known})")


def _simulated(figure: FigureSection) -> list[tuple[str, Simulated]]:
    """The parts of a figure whose curves are simulated, and their paths in it."""
    if isinstance(figure, Stability):
        return [(f".panels.{i}", panel) for i, panel in enumerate(figure.panels)]
    return [("", figure)] if isinstance(figure, Simulated) else []


def _simulation_mistakes(config: Config, path: str, part: Simulated, references: list[Reference]) -> Iterator[str]:
    """What is wrong with the protocol, the curves and the values of a part of a figure."""
    if part.protocol not in config.dynamics:
        known = listed(config.dynamics) or "none is configured"
        yield mistake(f"{path}.protocol", part.protocol, f"a key of dynamics ({known})")
    for i, name in enumerate(part.curves):
        yield from _force_field_mistakes(config, f"{path}.curves.{i}", name, f"{path}.values", part.values)
        recipe = _parsed(config.curves[name].recipe) if name in config.curves else None
        if recipe and recipe.open != "size":
            yield mistake(f"{path}.curves.{i}", name, "a curve whose size is open (*)")
    for i, one in enumerate(references):
        yield from _force_field_mistakes(
            config, f"{path}.references.{i}.curve", one.curve, f"{path}.references.{i}.value", [one.value]
        )


def _force_field_mistakes(
    config: Config, path: str, name: str, values_path: str, values: list[int], engine: bool = True
) -> Iterator[str]:
    """Why a curve's models at some values cannot drive dynamics; ``engine``: a Δ model's low level may be computed."""
    if name not in config.curves:
        yield mistake(path, name, f"the curves: {listed(config.curves)}")
        return
    curve = config.curves[name]
    recipe = _parsed(curve.recipe)
    if recipe and recipe.stages and len(recipe.last.levels) > 1:
        system, low = recipe.last.system, recipe.last.levels[1]
        level = config.systems[system].levels.get(low) if system in config.systems else None
        if not engine:
            yield mistake(path, name, "a curve of models of forces, not of a difference (~)")
        elif level and not hasattr(level, "engine"):
            reason = f"a Δ model needs it in every step, and the labels of {low} are a file"
            yield mistake(path, name, f"a curve whose low level has an engine: {reason}")
    if recipe and recipe.stages and (unknown := [value for value in values if value not in curve.values]):
        yield mistake(values_path, unknown[0], f"values of {name}: {listed(map(str, curve.values))}")


def _start_mistakes(config: Config, path: str, starts: Starts) -> Iterator[str]:
    """What is wrong with what simulations start from."""
    if (starts.system is None) == (starts.crystal is None):
        given = {"system": starts.system, "crystal": starts.crystal and starts.crystal.model_dump()}
        yield mistake(path, given, "either system or crystal")
    elif starts.system and starts.system not in config.systems:
        yield mistake(f"{path}.system", starts.system, f"the systems: {listed(config.systems)}")
    elif starts.system and starts.set != "all" and config.systems[starts.system].split is None:
        yield mistake(f"systems.{starts.system}.split", None, f"a split, since {path}.set is {starts.set}; or set: all")


def _phonon_mistakes(config: Config, path: str, figure: Phonons) -> Iterator[str]:
    """What is wrong with the models and the level whose phonons are compared."""
    models = [(f"curves.{i}", name, "value", figure.value) for i, name in enumerate(figure.curves)]
    if one := figure.reference:
        models.append(("reference.curve", one.curve, "reference.value", one.value))
    for key, name, value_key, value in models:
        yield from _force_field_mistakes(config, f"{path}.{key}", name, f"{path}.{value_key}", [value], engine=False)
    if figure.level:
        system, _, level = figure.level.partition(".")
        levels = config.systems[system].levels if system in config.systems else {}
        if not hasattr(levels.get(level), "engine"):
            yield mistake(f"{path}.level", figure.level, "<system>.<level> of the configuration, computed by an engine")


def _parsed(text: str) -> recipes.Recipe | None:
    """A recipe; None if it is none, which is reported where it stands."""
    try:
        return recipes.parse(text)
    except ValueError:
        return None


def _trained(config: Config) -> Iterator[tuple[str, str, Curve]]:
    """All that is to be trained: the path of its section, the key of its recipe, and the curve it is or would be."""
    for name, curve in config.curves.items():
        yield f"curves.{name}", "recipe", curve
    for name, figure in config.figures.items():
        if isinstance(figure, Parity) and figure.model not in config.foundation_models:
            values = {"label": figure.model_label, "recipe": figure.model, "architecture": figure.architecture}
            yield f"figures.{name}", "model", Curve(**values, values=[1])


def _curve_inconsistencies(config: Config, root: Path) -> Iterator[str]:
    sizes = {}
    for section, key_of_recipe, curve in _trained(config):
        path = f"{section}.{key_of_recipe}"
        if curve.architecture not in config.architectures:
            yield mistake(f"{section}.architecture", curve.architecture, listed(config.architectures))
        try:
            recipe = recipes.parse(curve.recipe)
        except ValueError as error:
            yield mistake(path, curve.recipe, str(error))
            continue
        if recipe.open and key_of_recipe == "model":
            yield mistake(path, curve.recipe, "a recipe without an open number (*)")
            continue
        if recipe.foundation and recipe.foundation not in config.foundation_models:
            known = listed(config.foundation_models) or "none is configured"
            yield mistake(path, curve.recipe, f"{recipe.foundation} to be a key of foundation_models ({known})")
        if curve.test or not recipe.stages:
            yield from _target_mistakes(config, f"{section}.test", curve.test, recipe)
        if recipe.stages and recipe.open is None and key_of_recipe == "recipe":
            yield mistake(path, curve.recipe, "one number left open, written *")
            continue
        if bool(curve.values) != bool(recipe.stages):
            valid_values = "at least one value of the open number" if recipe.stages else "none: the recipe has no stage"
            yield mistake(f"{section}.values", curve.values, valid_values)
        for i, stage in enumerate(recipe.stages):
            if stage.mode in config.modes:
                stages = recipe.stages[: i + 1]
                yield from _mode_mistakes(config, path, curve.recipe, recipes.Recipe(stages, recipe.foundation))
        yield from _element_mistakes(config, path, curve.recipe, recipe)
        for stage in recipe.stages:
            if stage.system not in config.systems:
                yield mistake(path, curve.recipe, f"{stage.system} to be a system ({listed(config.systems)})")
                continue
            system = config.systems[stage.system]
            unknown = [level for level in stage.levels if level not in system.levels]
            if unknown:
                yield mistake(
                    path, curve.recipe, f"{unknown[0]} to be a level of {stage.system} ({listed(system.levels)})"
                )
                continue
            if system.split is None:
                yield mistake(f"systems.{stage.system}.split", None, "a split, since a curve trains on the system")
                continue
            if stage.mode not in config.modes:
                yield mistake(path, curve.recipe, f"{stage.mode} to be a mode ({listed(config.modes)})")
            if system.split.level not in system.levels:
                continue
            key = (stage.system, stage.level)
            if key not in sizes:
                try:
                    sizes[key] = available(config, *key, root)
                except (InputError, OSError) as error:
                    yield f"  systems.{stage.system}: {error}"
                    sizes[key] = None
            limit = sizes[key]
            if limit is None:
                continue
            for value in curve.values if stage.size == recipes.OPEN else [stage.size]:
                if value > limit:
                    where = f"{section}.values" if stage.size == recipes.OPEN else path
                    what = value if stage.size == recipes.OPEN else curve.recipe
                    yield mistake(
                        where,
                        what,
                        f"at most {limit} structures of {stage.system} at {stage.level} "
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


def _mode_mistakes(config: Config, path: str, given: str, recipe: recipes.Recipe) -> Iterator[str]:
    """What is wrong with the mode of a recipe's last stage."""
    mode = recipe.last.mode
    try:
        settings = config.training_of(mode, recipe.parent is not None)
    except ValidationError:
        return  # reported where it is set
    replay = config.modes[mode].replay
    if recipe.parent is None:
        if settings.needs_parent or replay or config.modes[mode].elements:
            yield mistake(path, given, f"{recipe.last} after another stage: it adapts a parent model")
        return
    if replay is None:
        return
    if config.modes[mode].elements:
        valid_mode = "no `replay`: a head that goes on with the parent's data would need the parent's elements"
        yield mistake(f"modes.{mode}.elements", config.modes[mode].elements, valid_mode)
        return
    chosen, key = config.replay_of(recipe), f"modes.{mode}.replay"
    if "system" not in chosen or "level" not in chosen:
        yield mistake(key, replay.model_dump(exclude_none=True), "system and level of data like the foundation model's")
        return
    levels = config.systems[chosen["system"]].levels if chosen["system"] in config.systems else {}
    if unknown := [level for level in chosen["level"].split("~") if level not in levels]:
        yield mistake(key, replay.model_dump(exclude_none=True), f"{unknown[0]} to be a level of {chosen['system']}")


def _element_mistakes(config: Config, path: str, given: str, recipe: recipes.Recipe) -> Iterator[str]:
    """Elements of a stage that neither its parent nor its mode's `elements` knows.

    Those of a foundation model are in its file, which is not read here: training looks.
    """
    known: list[str] | None = None
    for i, stage in enumerate(recipe.stages):
        if stage.system not in config.systems or stage.mode not in config.modes:
            return
        own = config.systems[stage.system].elements
        if i == 0:
            known = None if recipe.foundation else own
            continue
        if known is None:
            continue
        places = config.modes[stage.mode].elements
        for new, old in places.items():
            if old not in known or new in known:
                lacking = f"{old} to be an element" if old not in known else f"{new} to be no element"
                valid_places = f"{lacking} of the model that {stage} starts from, which knows {listed(known)}"
                yield mistake(f"modes.{stage.mode}.elements", places, valid_places)
                return
        known = [{old: new for new, old in places.items()}.get(one, one) for one in known]
        if unknown := [one for one in own if one not in known]:
            yield mistake(
                path,
                given,
                f"{listed(unknown)} of {stage.system} to be elements that the stage before knows ({listed(known)}), "
                f"or a mode whose `elements` says whose place each takes, such as {{{unknown[0]}: {known[-1]}}}",
            )
            return


def _missing_file(path: str, value: str, root: Path) -> Iterator[str]:
    if not (root / value).is_file():
        yield mistake(path, value, "a file that exists")
