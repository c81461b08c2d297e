"""Checks of systems against themselves and against the data."""

from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path

from mftl import extxyz
from mftl.catalogue import DATASETS
from mftl.config.base import listed, missing_file, mistake
from mftl.config.levels import DatasetLevel, FileLevel, ReturnedLevel
from mftl.config.splits import Split
from mftl.config.systems import System
from mftl.config.whole import Config
from mftl.splits import chosen_by, divide


def mistakes(config: Config, root: Path) -> Iterator[str]:
    """A line for each value of the systems that contradicts another one or a file."""
    for name, system in config.systems.items():
        path = f"systems.{name}"
        yield from system.pool.mistakes(f"{path}.pool", root)
        for level, settings in system.levels.items():
            if isinstance(settings, DatasetLevel):
                own = getattr(system.pool, "dataset", None)
                if settings.dataset != own:
                    known = f"{own}, the pool's data set" if own else "no data set, since the pool is from none"
                    yield mistake(f"{path}.levels.{level}.dataset", settings.dataset, known)
                elif settings.given is None and (settings.labels is not None or DATASETS[settings.dataset].labels):
                    names = listed(DATASETS[settings.dataset].labels)
                    known = f"one of {names}" if names else f"null, since {settings.dataset} has labels of one kind"
                    yield mistake(f"{path}.levels.{level}.labels", settings.labels, known)
            if isinstance(settings, ReturnedLevel):
                yield from _returned_mistakes(f"{path}.levels.{level}", settings, root)
            if isinstance(settings, FileLevel):
                yield from missing_file(f"{path}.levels.{level}.file", settings.file, root)
                if settings.failures:
                    yield from missing_file(f"{path}.levels.{level}.failures", settings.failures, root)
        if system.split:
            yield from _split_mistakes(name, system.levels, system.split)


def _returned_mistakes(path: str, level: ReturnedLevel, root: Path) -> Iterator[str]:
    """Outputs that are not there; those under results are made by the workflow."""
    for i, one in enumerate(level.outputs):
        made = one.startswith("results/") and not has_magic(one)
        if not made and not glob(one, root_dir=root, recursive=True):
            yield mistake(f"{path}.outputs.{i}", one, "a file that exists, or a pattern that one fits")
    if level.asked:
        yield from missing_file(f"{path}.asked", level.asked, root)


def _split_mistakes(name: str, levels: Iterable[str], split: Split) -> Iterator[str]:
    path = f"systems.{name}.split"
    if split.level not in levels:
        yield mistake(f"{path}.level", split.level, f"the levels of {name}: {listed(levels)}")
    if not split.test and not split.test_only:
        yield mistake(f"{path}.test", 0, "at least 1, since no structures are `test_only`")
    if split.stratify and split.block > 1:
        yield mistake(f"{path}.stratify", split.stratify, "null, since blocks decide what goes where")


def available(config: Config, system: str, level: str, root: Path = Path(".")) -> int | None:
    """Structures that a stage can train on: labelled at all its levels, in neither test nor validation set.

    An upper bound where an engine is still to compute the labels and may fail on some, or where only some structures of
    a sample come with a label; None if unknown.
    """
    chosen = config.systems[system]
    ids = chosen.pool.ids(root)
    if chosen.split is None:
        return None
    if ids is None and (size := chosen.pool.size(root)) is not None:
        return min(_most(chosen, chosen.split, name, size) for name in level.split("~"))
    if ids is None:
        return None
    info: dict[str, list[str | None]] = {}
    for key in chosen.split.test_only:
        if (values := chosen.pool.info(key, root)) is None:
            return None
        info[key] = values

    def labelled(name: str) -> set[str]:
        one = chosen.levels[name]
        if isinstance(one, FileLevel):
            return set(extxyz.read_ids(root / one.file))
        if isinstance(one, ReturnedLevel) and all(map(extxyz.is_extxyz, files := [root / f for f in one.files(root)])):
            return {name for file in files if file.is_file() for name in extxyz.read_ids(file)} or set(ids)
        if one.only or one.also:
            return set(ids)
        return set(ids[: one.first])

    # strata do not change how many there are
    split = divide(ids, labelled(chosen.split.level), chosen.split, chosen_by(chosen.split.test_only, ids, info))
    usable = set.intersection(*(labelled(name) for name in level.split("~")))
    return len(usable.intersection(split["training"]))


def _most(system: System, split: Split, level: str, size: int) -> int:
    """At most so many structures of a pool that is not there yet can be trained on at one level."""
    settings, drawn = system.levels[level], split.test + split.validation
    labelled = min(settings.first or size, settings.most(size) if isinstance(settings, DatasetLevel) else size)
    # those drawn are labelled at the split's level
    return min(labelled - drawn * (level == split.level), size - drawn - system.pool.at_least(split.test_only))
