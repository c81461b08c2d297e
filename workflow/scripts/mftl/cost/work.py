"""What a job does, in units that take a time of their own: training steps, evaluated structures, labels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from mftl import catalogue
from mftl import recipe as recipes
from mftl.batches import STRUCTURES
from mftl.config.whole import Config
from mftl.cost.jobs import Job
from mftl.figures.error_against_uncertainty import ErrorAgainstUncertainty
from mftl.figures.structure_search import StructureSearch
from mftl.modes.replay import Replay
from mftl.paths import members, runs_of
from mftl.plan import labels, training

UNPACKED = 9  # an HDF5 file of QM7-X over its archive
SEEN = {"gradient": 10, "last-layer": 1, "forces": 15}  # what features of a structure take, in its evaluations


@dataclass(frozen=True)
class Subject:
    """A sort of models and what they meet: structures of a system, or those that a protocol starts from."""

    architecture: str
    dtype: str
    system: str | None = None
    protocol: str | None = None


@dataclass(frozen=True)
class Step:
    """A training step: of which models, on how many structures at once."""

    subject: Subject
    batch: int


@dataclass
class Work:
    """What a job does, besides starting."""

    steps: dict[Step, int] = field(default_factory=dict)
    evaluated: dict[Subject, tuple[int, int]] = field(default_factory=dict)  # structures, and in how many batches
    labels: dict[tuple[str, str], int] = field(default_factory=dict)  # by system and level
    weights: dict[Subject, int] = field(default_factory=dict)  # sets of all weights of a model that are written
    frames: dict[Subject, int] = field(default_factory=dict)  # structures that are written as text
    forces: dict[Subject, int] = field(default_factory=dict)  # structures whose forces are written as numbers
    seconds: float = 0.0  # of a core, for whatever else it does
    downloaded: int = 0  # bytes, with what is unpacked from them


def of(config: Config, job: Job) -> Work:
    """What a job does; nothing is counted of those that only start, read and write."""
    known = _KNOWN.get(job.rule)
    return known(config, SimpleNamespace(**job.wildcards)) if known else Work()


def dtype_of(config: Config, recipe: recipes.Recipe) -> str:
    """The floating-point type of a recipe's model; float64 of foundation models, which are not looked at."""
    found = "float64"
    for i, stage in enumerate(recipe.stages):
        settings = config.training_of(stage.mode, i > 0 or recipe.foundation is not None)
        found = (settings.parent_dtype or found) if i or recipe.foundation else settings.dtype
    return found


def _train(config: Config, wildcards: Any) -> Work:
    """All planned epochs, which patience may cut short, with their validations."""
    recipe = recipes.parse(wildcards.recipe)
    stage, dtype = recipe.last, dtype_of(config, recipe)
    settings = config.training_of(stage.mode, recipe.parent is not None)
    snapshots = training.snapshots(config, wildcards)
    planned = settings.planned_epochs(stage.size) if training.until_best(config, wildcards) else 0
    epochs, per_epoch = max([planned, *snapshots]), settings.steps_per_epoch(stage.size)
    own = Subject(wildcards.architecture, dtype, stage.system)
    work = Work({Step(own, min(settings.batch_size, stage.size)): epochs * per_epoch})
    beside = [part.system for part in stage.others]
    beside += [
        way.params(config, recipe)["system"]
        for way in config.mode(stage.mode).ways().values()
        if isinstance(way, Replay)
    ]
    for system in beside:  # one more batch in each step
        step = Step(Subject(wildcards.architecture, dtype, system), min(settings.batch_size, stage.size))
        work.steps[step] = work.steps.get(step, 0) + epochs * per_epoch
    if split := config.systems[stage.system].split:
        validations = epochs // -(-settings.validation_steps // per_epoch)
        work.evaluated[own] = validations * split.validation, validations * _batches(split.validation)
    work.weights[own] = 7 + len(snapshots)  # model, weights, and in the state five more
    return work


def _predict(config: Config, wildcards: Any) -> Work:
    """All models of a curve on its test set."""
    curve, found = config.curves[wildcards.curve], config.recipes_of(wildcards.curve)
    system, _ = config.target_of(wildcards.curve)
    test, models = config.tested(wildcards.curve), len(found) * len(config.seeds_of(wildcards.curve))
    own = Subject(curve.architecture, dtype_of(config, found[0]), system)
    return Work(evaluated={own: (models * test, models * _batches(test))}, forces={own: models * test})


def _compare(config: Config, wildcards: Any) -> Work:
    """One model on all structures of a system."""
    figure: Any = config.figures[wildcards.figure]
    size = config.systems[figure.system].pool.size() or 0
    recipe = recipes.parse(figure.model)
    own = Subject(figure.architecture, dtype_of(config, recipe), figure.system)
    return Work(evaluated={own: (size, _batches(size))}, forces={own: size})


def _select(config: Config, wildcards: Any) -> Work:
    """What a model sees in all structures of a system, in evaluations that take as long: gradients one by one."""
    own = config.selections[wildcards.selection]
    size = config.systems[own.system].pool.size() or 0
    times = SEEN[own.features] if own.rule != "random" else 0
    subject = Subject(own.architecture, dtype_of(config, recipes.parse(own.model)), own.system)
    return Work(evaluated={subject: ((1 + times) * size, (1 + times) * _batches(size))})


def _measure(config: Config, wildcards: Any) -> Work:
    """What the tables of figures evaluate that cost something; of others nothing."""
    figure = config.figures.get(wildcards.figure)
    if isinstance(figure, ErrorAgainstUncertainty) and wildcards.table in figure.MEASURED:
        return _see(config, figure)
    if isinstance(figure, StructureSearch) and wildcards.table == "structure-search":
        return _relax(config, figure)
    return Work()


def _see(config: Config, figure: ErrorAgainstUncertainty) -> Work:
    """What last layers see in training, validation and test structures, with their forces."""
    work = Work()
    for run in runs_of(config, figure.curves, figure.values):
        recipe = recipes.parse(run["recipe"])
        if run["seed"] != figure.seed or (split := config.systems[recipe.last.system].split) is None:
            continue
        structures = recipe.last.size + split.validation + config.tested(run["curve"])
        subject = Subject(run["architecture"], dtype_of(config, recipe), recipe.last.system)
        so_far = work.evaluated.get(subject, (0, 0))[0]
        evaluations = so_far + structures * SEEN["forces"] + split.validation
        work.evaluated[subject] = evaluations, _batches(evaluations)
    return work


def _relax(config: Config, figure: StructureSearch) -> Work:
    """All steps of all random structures, most of which end earlier."""
    work = Work()
    count, steps = len(figure.compositions) * figure.structures, figure.rounds * (figure.steps + 1)
    for run in figure.runs(config):
        dtype = dtype_of(config, recipes.parse(run["recipe"]))
        own = Subject(run["architecture"], dtype, config.target_of(run["curve"])[0])
        done, batches = work.evaluated.get(own, (0, 0))
        work.evaluated[own] = done + count * steps, batches + steps * _batches(count)
    return work


def _simulate(config: Config, wildcards: Any) -> Work:
    """All steps of all replicas, of which some may be given up."""
    protocol = config.dynamics[wildcards.protocol]
    steps = round(1000 * protocol.length / protocol.timestep)
    dtype = protocol.dtype or dtype_of(config, recipes.parse(wildcards.recipe))
    own = Subject(wildcards.architecture, dtype, protocol=wildcards.protocol)
    frames = protocol.replicas * round(protocol.length / protocol.frame_every)
    count = len(members(wildcards.seed))
    return Work(evaluated={own: (count * steps * protocol.replicas, count * steps)}, frames={own: frames})


def _label(config: Config, wildcards: Any) -> Work:
    """The structures of a chunk; of a level that labels some only, as many as `first` leaves in it."""
    start, end = labels.chunk_range(config, wildcards)
    level, size = labels.level_of(config, wildcards), config.systems[wildcards.system].pool.size()
    end = end if end is not None else size or 0
    if level.first and not level.only:
        end = min(end, level.first)
    count = max(0, end - (start or 0))
    frames = {Subject("", "", wildcards.system): 2 * count}  # in the chunk, and where chunks are collected
    return Work(labels={(wildcards.system, wildcards.level): count}, frames=frames)


def _build(config: Config, wildcards: Any) -> Work:
    """What the generator of a pool takes."""
    pool = config.systems[wildcards.system].pool
    return Work(seconds=pool.seconds(), frames={Subject("", "", wildcards.system): pool.size() or 0})


def _download(config: Config, wildcards: Any) -> Work:
    """A file, and beside the archives of QM7-X what is unpacked from them."""
    file = catalogue.FILES[wildcards.download]
    return Work(downloaded=(file.bytes or 0) * (1 + UNPACKED * file.path.endswith(".xz")))


def _batches(structures: int) -> int:
    return -(-structures // STRUCTURES)


_KNOWN: dict[str, Callable[[Config, Any], Work]] = {
    "train": _train,
    "predict": _predict,
    "compare_structures": _compare,
    "dynamics": _simulate,
    "select": _select,
    "measure": _measure,
    "label_chunk": _label,
    "build_pool": _build,
    "download": _download,
}
