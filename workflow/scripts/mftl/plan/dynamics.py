"""Molecular dynamics with models: what it starts from, and what a Δ model needs in each step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mftl import engines
from mftl import recipe as recipes
from mftl.config.whole import Config
from mftl.paths import head_of, members, model_file
from mftl.plan.labels import engine_files


def start_inputs(config: Config, wildcards: Any) -> dict[str, str]:
    """The pool and the split that a protocol's structures are chosen from; nothing for a crystal."""
    starts = config.dynamics[wildcards.protocol].starts
    if not starts.system:
        return {}
    split = {} if starts.set == "all" else {"split": f"results/splits/{starts.system}.json"}
    return {"pool": f"results/pools/{starts.system}.extxyz", **split}


def start_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What a protocol starts from."""
    return config.dynamics[wildcards.protocol].starts.model_dump()


def holds_bonds(config: Config, wildcards: Any) -> bool:
    """Whether bonds must hold in a protocol's simulations."""
    return config.dynamics[wildcards.protocol].bond_deviation is not None


def inputs(config: Config, wildcards: Any, needs_engine: Callable[[], bool]) -> dict[str, str | list[str]]:
    """The model or models, what simulations start from, and the files of a Δ model's low level.

    Raises InputError, before any job runs, if that level's engine is needed and not installed.
    """
    recipe = recipes.parse(wildcards.recipe)
    files: dict[str, str | list[str]] = {
        "models": [model_file(config, wildcards.architecture, recipe, one) for one in members(wildcards.seed)],
        "starts": f"results/dynamics/{wildcards.protocol}/starts.extxyz",
    }
    if _low_level(config, wildcards):
        folder = Path(f"results/dynamics/{wildcards.protocol}/{wildcards.architecture}/{wildcards.recipe}")
        finished = (folder / f"seed-{wildcards.seed}/events.csv").exists()
        last = recipe.last
        files["files"] = engine_files(config, last.system, last.levels[1], finished, needs_engine)
    return files


def protocol(config: Config, wildcards: Any) -> dict[str, Any]:
    """How simulations are run."""
    return config.dynamics[wildcards.protocol].model_dump()


def head(config: Config, wildcards: Any) -> str | None:
    """Which head of a foundation model is used."""
    return head_of(config, recipes.parse(wildcards.recipe))


def low_level(config: Config, wildcards: Any) -> dict[str, Any] | None:
    """The level that an engine computes in each step of the dynamics of a Δ model; None for other models."""
    level = _low_level(config, wildcards)
    return level.model_dump(exclude={"chunk_size"}) if level else None


def low_source(config: Config, wildcards: Any) -> str | None:
    """A hash of the code of that level's engine."""
    level = _low_level(config, wildcards)
    return engines.source_hash(level.engine) if level else None


def environment(config: Config, wildcards: Any) -> str:
    """The conda environment: that of the models, with the low level's engine."""
    level = _low_level(config, wildcards)
    return f"../../envs/{engines.environment(level.engine, with_models=True) if level else 'mftl.yaml'}"


def threads(config: Config, wildcards: Any) -> int:
    """Threads of a job: one, or the workers of a Δ model's engine."""
    return config.labels.workers if _low_level(config, wildcards) else 1


def _low_level(config: Config, wildcards: Any) -> Any:
    recipe = recipes.parse(wildcards.recipe)
    if not recipe.stages or len(recipe.last.levels) == 1:
        return None
    return config.systems[recipe.last.system].levels[recipe.last.levels[1]]
