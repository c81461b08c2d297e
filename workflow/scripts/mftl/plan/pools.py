"""Pools of structures, and downloads."""

from typing import Any

from mftl import catalogue
from mftl.config.whole import Config
from mftl.registry import module_of
from mftl.sources import source_hash


def from_datasets(config: Config) -> list[str]:
    """Systems whose pool is drawn from a published data set."""
    return [name for name, one in config.systems.items() if hasattr(one.pool, "dataset")]


def others(config: Config) -> list[str]:
    """Systems whose pool is a file or generated."""
    return [name for name, one in config.systems.items() if not hasattr(one.pool, "dataset")]


def pool_files(config: Config, wildcards: Any) -> list[str]:
    """The file that a pool is read from, if it is."""
    pool = config.systems[wildcards.system].pool
    return [pool.file] if hasattr(pool, "file") else []


def system_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What a pool is built by."""
    return config.systems[wildcards.system].model_dump(include={"pool", "elements"})


def source(config: Config, wildcards: Any) -> str:
    """A hash of the code that builds a pool."""
    return source_hash("build_pool", module_of(type(config.systems[wildcards.system].pool)))


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
