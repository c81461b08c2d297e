"""Pools of structures, and downloads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mftl import catalogue, engines
from mftl.config.whole import Config
from mftl.inputs import InputError
from mftl.plan.labels import files_of
from mftl.registry import module_of
from mftl.sources import source_hash


def from_datasets(config: Config) -> list[str]:
    """Systems whose pool is drawn from a published data set."""
    return [name for name, one in config.systems.items() if hasattr(one.pool, "dataset")]


def others(config: Config) -> list[str]:
    """Systems whose pool is a file or generated."""
    return [name for name, one in config.systems.items() if not hasattr(one.pool, "dataset")]


def pool_files(config: Config, wildcards: Any, needs_engine: Callable[[], bool]) -> list[str]:
    """The files that a pool is built from, those of an engine that computes its structures included.

    Raises InputError, before any job runs, if that engine cannot treat the elements or is not installed.
    """
    system, level = config.systems[wildcards.system], _level(config, wildcards)
    files = system.pool.files()
    if level is None:
        return files
    key, finished = f"systems.{wildcards.system}.pool.level", Path(f"results/pools/{wildcards.system}.extxyz").exists()
    if not finished and (refusal := engines.refusal(level, system.elements, None)):
        raise InputError(f"{key}: {refusal}")
    return files + files_of(level, system.elements, key, finished, needs_engine)


def environment(config: Config, wildcards: Any) -> str:
    """The conda environment of a job that builds a pool, which an engine may need."""
    level = _level(config, wildcards)
    return f"../../envs/{engines.environment(level.engine, with_models=True) if level else 'mftl.yaml'}"


def system_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What a pool is built by."""
    return config.systems[wildcards.system].model_dump(include={"pool", "elements"})


def source(config: Config, wildcards: Any) -> str:
    """A hash of the code that builds a pool, that of an engine that computes its structures included."""
    level = _level(config, wildcards)
    engine = [engines.engine(level.engine).__name__] if level else []
    return source_hash("build_pool", module_of(type(config.systems[wildcards.system].pool)), *engine)


def receipts(config: Config, wildcards: Any) -> list[str]:
    """Receipts of the files of a system's data set."""
    return [catalogue.receipt(name) for name in _dataset_files(config, wildcards)]


def dataset_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """Where the files of a system's data set lie, and what is drawn from it."""
    files = [downloaded(config, name) for name in _dataset_files(config, wildcards)]
    return {"files": files} | system_settings(config, wildcards)


def downloaded(config: Config, name: str) -> str:
    """Where a downloaded file lies."""
    return f"{config.downloads.folder}/{catalogue.FILES[name].path}"


def download_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """Where a download goes, and its checksum if the configuration has one."""
    checksum = config.downloads.checksums.get(wildcards.download)
    return {"folder": config.downloads.folder, "checksum": checksum}


def downloaded_file(config: Config, wildcards: Any) -> str:
    """Where the downloaded file that a rule copies lies."""
    return downloaded(config, wildcards.download)


def _dataset_files(config: Config, wildcards: Any) -> list[str]:
    pool: Any = config.systems[wildcards.system].pool
    return catalogue.DATASETS[pool.dataset].files


def _level(config: Config, wildcards: Any) -> Any:
    """The level of theory at which a pool's structures are computed; None if they are not."""
    level = getattr(config.systems[wildcards.system].pool, "level", None)
    return level if hasattr(level, "engine") else None
