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
    Config,
    DatasetLevel,
    DatasetPool,
    FileLevel,
    FilePool,
    NormalModePool,
    System,
    Training,
    listed,
    mistake,
    parse,
    valid,
)
from mftl.inputs import InputError
from mftl.sampling import drawn
from mftl.splits import divide


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
    if isinstance(system.pool, NormalModePool):
        pool = system.pool
        return [f"{name}-{k:04d}" for k in range(pool.per_molecule) for name in pool.molecules]
    if isinstance(system.pool, DatasetPool):
        return None
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


def first_periodic(system: System, root: Path = Path(".")) -> str | None:
    """Id of a crystal in a pool, without computing the pool; None if there is none, or if that is known only later."""
    if isinstance(system.pool, NormalModePool):
        return None
    if isinstance(system.pool, DatasetPool):
        return f"1 of {system.pool.dataset}" if downloads.DATASETS[system.pool.dataset].periodic else None
    path = root / system.pool.file
    return extxyz.first_periodic(path) if extxyz.is_extxyz(path) else None


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

    def labelled(name: str) -> set[str]:
        one = chosen.levels[name]
        if isinstance(one, FileLevel):
            return set(extxyz.read_ids(root / one.file))
        if one.only:
            return set(ids)
        return set(ids[: one.first])

    split = divide(ids, labelled(chosen.split.level), chosen.split)
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
        if system.split and system.split.level not in system.levels:
            yield mistake(f"{path}.split.level", system.split.level, f"the levels of {name}: {listed(system.levels)}")
    for name, model in config.foundation_models.items():
        if isinstance(model, str):
            yield from _missing_file(f"foundation_models.{name}", model, root)
    overrides = {"finetuning": config.finetuning}
    overrides |= {f"modes.{name}.training": mode.training for name, mode in config.modes.items()}
    for path, values in overrides.items():
        try:
            Training(**(config.training.model_dump() | values))
        except ValidationError as error:
            for e in error.errors():
                key = e["loc"][0]
                yield mistake(f"{path}.{key}", values.get(key), valid(e, Training))
    yield from _curve_inconsistencies(config, root)
    for name, figure in config.figures.items():
        for i, curve in enumerate(figure.curves):
            if curve not in config.curves:
                yield mistake(f"figures.{name}.curves.{i}", curve, f"the curves: {listed(config.curves)}")


def _curve_inconsistencies(config: Config, root: Path) -> Iterator[str]:
    sizes = {}
    for name, curve in config.curves.items():
        path = f"curves.{name}.recipe"
        if curve.architecture not in config.architectures:
            yield mistake(f"curves.{name}.architecture", curve.architecture, listed(config.architectures))
        try:
            recipe = recipes.parse(curve.recipe)
        except ValueError as error:
            yield mistake(path, curve.recipe, str(error))
            continue
        if recipe.open is None:
            yield mistake(path, curve.recipe, "one number left open, written *")
            continue
        if recipe.foundation and recipe.foundation not in config.foundation_models:
            known = listed(config.foundation_models) or "none is configured"
            yield mistake(path, curve.recipe, f"{recipe.foundation} to be a key of foundation_models ({known})")
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
                    where = f"curves.{name}.values" if stage.size == recipes.OPEN else path
                    what = value if stage.size == recipes.OPEN else curve.recipe
                    yield mistake(
                        where,
                        what,
                        f"at most {limit} structures of {stage.system} at {stage.level} "
                        f"(labelled, less {system.split.test} to test and {system.split.validation} to validate)",
                    )


def _missing_file(path: str, value: str, root: Path) -> Iterator[str]:
    if not (root / value).is_file():
        yield mistake(path, value, "a file that exists")
