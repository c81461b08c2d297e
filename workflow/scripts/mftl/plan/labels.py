"""Labels: computed by an engine in chunks, or from a file; and the splits that rest on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mftl import catalogue, engines
from mftl.config.splits import Split
from mftl.config.whole import Config
from mftl.inputs import InputError


def level_of(config: Config, wildcards: Any) -> Any:
    """The section of a level."""
    return config.systems[wildcards.system].levels[wildcards.level]


def number_of_chunks(config: Config, wildcards: Any) -> int:
    """Chunks are cut from the pool; if its size is not known yet, one chunk holds all of it."""
    count = config.systems[wildcards.system].pool.size()
    if count is None:
        return 1
    level = level_of(config, wildcards)
    if level.first and not level.only and not level.also:
        count = min(count, level.first)
    return -(-count // _chunk_size(config, level))


def chunk_range(config: Config, wildcards: Any) -> list[int | None]:
    """Positions of a chunk in the pool: from, to (None: the end)."""
    size, chunk = _chunk_size(config, level_of(config, wildcards)), int(wildcards.chunk)
    last = chunk + 1 == int(wildcards.chunks)
    return [chunk * size, None if last else (chunk + 1) * size]


def chunk_inputs(config: Config, wildcards: Any, needs_engine: Callable[[], bool]) -> dict[str, str | list[str]]:
    """The pool and the files that the engine reads.

    Raises InputError, before any job runs, if the engine cannot label it or, where it is needed, is not installed.
    """
    system, level = config.systems[wildcards.system], level_of(config, wildcards)
    chunk = f"chunk-{wildcards.chunk}-of-{wildcards.chunks}"
    finished = Path(f"results/labels/{wildcards.system}/{wildcards.level}/{chunk}.csv").exists()
    files = engine_files(config, wildcards.system, wildcards.level, finished, needs_engine)
    crystal, molecule = system.pool.first(periodic=True), system.pool.first(periodic=False)
    if not finished and (refusal := engines.refusal(level, system.elements, crystal, molecule)):
        raise InputError(f"systems.{wildcards.system}.levels.{wildcards.level}: {refusal}")
    return {"pool": f"results/pools/{wildcards.system}.extxyz", "files": files}


def engine_files(
    config: Config, system: str, level: str, finished: bool, needs_engine: Callable[[], bool]
) -> list[str]:
    """Files that the engine of a level reads; see ``files_of``."""
    own = config.systems[system]
    return files_of(own.levels[level], own.elements, f"systems.{system}.levels.{level}", finished, needs_engine)


def files_of(
    settings: Any, elements: list[str], key: str, finished: bool, needs_engine: Callable[[], bool]
) -> list[str]:
    """Files that the engine of a level reads for these elements, or what rules make of them; ``key``: the level's path.

    Raises InputError if it is not installed or a file is missing.

    Not if the job is finished: what it left stays usable on a machine that has no engine. The engine need not be
    installed unless ``needs_engine`` says so: a plan may be made elsewhere, and conda brings it for the job alone.
    """
    engine = engines.engine(settings.engine)
    if not finished and needs_engine() and (missing := engine.installed(settings)):
        raise InputError(f"{key}.engine: {settings.engine} is not installed. To install it: {missing}")
    if hasattr(engine, "made") and (made := engine.made(settings)):
        return made
    try:
        return [str(file) for file in engine.files(settings, elements)]
    except InputError as error:
        if not finished:
            raise InputError(f"{key}: {error}") from None
        return []


def chunk_environment(config: Config, wildcards: Any) -> str:
    """The conda environment of a job that labels."""
    return f"../../envs/{engines.environment(level_of(config, wildcards).engine)}"


def engine_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What a level's labels are computed with."""
    return level_of(config, wildcards).model_dump(exclude={"chunk_size"})


def engine_source(config: Config, wildcards: Any) -> str:
    """A hash of the code of a level's engine."""
    return engines.source_hash(level_of(config, wildcards).engine)


def collected(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """The pool, and the chunks of its labels or the files that they come in."""
    level = level_of(config, wildcards)
    inputs: dict[str, str | list[str]] = {"pool": f"results/pools/{wildcards.system}.extxyz"}
    if hasattr(level, "dataset"):
        return inputs | {"file": f"results/datasets/{wildcards.system}.extxyz"}
    if hasattr(level, "outputs"):
        return inputs | {"outputs": level.files()} | ({"asked": level.asked} if level.asked else {})
    if hasattr(level, "file"):
        return inputs | {"file": level.file} | ({"failures": level.failures} if level.failures else {})
    count, folder = number_of_chunks(config, wildcards), f"results/labels/{wildcards.system}/{wildcards.level}"
    stems = [f"{folder}/chunk-{i}-of-{count}" for i in range(count)]
    return inputs | {"chunks": [f"{stem}.extxyz" for stem in stems], "states": [f"{stem}.csv" for stem in stems]}


def collecting_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What collecting needs: all that describes a file, but of an engine's settings only what it labels."""
    level = level_of(config, wildcards)
    settings = level.model_dump()
    if hasattr(level, "file") or hasattr(level, "outputs"):
        return settings
    own = {key: settings[key] for key in ("first", "only", "also")}
    if not hasattr(level, "dataset"):
        return own
    own["file"] = f"results/datasets/{wildcards.system}.extxyz"
    if level.labels is None:
        return own
    energy, forces = catalogue.Labelling.keys(level.labels)
    return own | {"energy_key": energy, "forces_key": forces if level.has_forces else None}


def labels_given(config: Config, wildcards: Any) -> dict[str, bool]:
    """What of the file has labels: whether the pool is a random sample of it, and whether some structures lack them."""
    sample = getattr(config.systems[wildcards.system].pool, "count", None) is not None
    return {"drawn": sample, "partial": getattr(level_of(config, wildcards), "labels", None) is not None}


def split_states(config: Config, wildcards: Any) -> str:
    """The states of the labels that a system's test and validation sets are drawn from."""
    return f"results/labels/{wildcards.system}/{_split(config, wildcards).level}.csv"


def split_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """How a system is split."""
    return _split(config, wildcards).model_dump()


def all_levels(config: Config, wildcards: Any) -> list[str]:
    """Labels of a system at all its levels."""
    return [f"results/labels/{wildcards.system}/{level}.extxyz" for level in config.systems[wildcards.system].levels]


def compared_levels(config: Config, wildcards: Any) -> dict[str, Any]:
    """All levels of a system, and the one that the others are compared with."""
    levels = list(config.systems[wildcards.system].levels)
    return {"levels": levels, "reference": _split(config, wildcards).level}


def shipped_studies(home: str) -> list[str]:
    """The studies that ship, whose labels can be made again; ``home`` is where the workflow lies, with a slash."""
    return [f"{home}studies/{path.name}" for path in sorted(Path(f"{home}studies").glob("*.yaml"))]


def _split(config: Config, wildcards: Any) -> Split:
    split = config.systems[wildcards.system].split
    if split is None:
        raise InputError(
            f"systems.{wildcards.system}.split: got None; valid: a split, whose level others are compared with"
        )
    return split


def _chunk_size(config: Config, level: Any) -> int:
    return level.chunk_size or config.labels.chunk_size
