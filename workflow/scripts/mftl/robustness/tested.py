"""What is asked of which models: curves and a protocol made of the section `robustness`, and tables of known kinds.

Imports neither torch nor ASE.
"""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

from mftl import recipe as recipes
from mftl.config.curves import Curve, Reference
from mftl.config.dynamics import Protocol, Starts
from mftl.config.robustness import Robustness
from mftl.config.whole import Config
from mftl.figures.base import Table
from mftl.figures.dimers import Dimers
from mftl.figures.simulations import Simulated, can_have_engine, force_field_mistakes
from mftl.figures.stability import Stability
from mftl.figures.structure_search import StructureSearch
from mftl.robustness.questions import DIMERS, FORGETTING, SEARCH, SIMULATION

PREFIX = "robustness-"  # of all curves and protocols that are made
VOLUME = {True: 1.5, False: 8.0}  # of random structures, with and without a cell, over that of the atoms' spheres
STARTS = 5  # structures that simulations start from, or as many as there are
OPEN_DELTA = "its models predict what a low level lacks, and no energies of their own"


def names(config: Config) -> list[str]:
    """What is tested: curves, or a model file; none without the section."""
    own = config.robustness
    if own is None:
        return []
    return [own.model] if own.model else list(dict.fromkeys(own.curves or config.export))


def recipe_of(config: Config, name: str) -> recipes.Recipe:
    """The recipe of the models that are tested."""
    own = _section(config)
    if own.model:
        return recipes.Recipe((), own.model)
    curve = config.curves[name]
    return recipes.parse(curve.recipe).at(own.value or max(curve.values))


def system_of(config: Config, name: str) -> str:
    """The system on whose structures and elements models are tested."""
    own = _section(config)
    return own.system if own.system else recipe_of(config, name).last.system


def parent_of(config: Config, name: str) -> recipes.Recipe | None:
    """The recipe of what the models started from; None if nothing is known of it."""
    own = _section(config)
    if own.model:
        return recipes.Recipe((), own.parent) if own.parent else None
    return recipe_of(config, name).parent


def learned_of(config: Config, name: str) -> str | None:
    """<system>.<level> of what the parent learned; None if that is not known."""
    parent, given = parent_of(config, name), _section(config).learned
    if given or parent is None or not parent.stages:
        return given
    return f"{parent.last.system}.{parent.last.level}"


def same_structures(config: Config, name: str) -> bool:
    """Whether the parent learned structures of the same system at another level, which fine-tuning is to replace."""
    system, _, level = (learned_of(config, name) or "").partition(".")
    stages = recipe_of(config, name).stages
    return bool(stages) and system == stages[-1].system and level != stages[-1].level


def not_forgetting(config: Config, name: str) -> str | None:
    """Why it cannot be asked what models forgot; None if it can."""
    own, recipe, parent = _section(config), recipe_of(config, name), parent_of(config, name)
    if parent is None:
        if own.model:
            return "no model is known that it started from; `parent` names one"
        return "its models start from random weights"
    if any(len(one.last.levels) > 1 for one in (recipe, parent) if one.stages):
        return OPEN_DELTA
    if parent.stages and parent.last.epochs == recipes.BEST:
        return "its parent is chosen among several snapshots"
    if recipe.stages and "elements" in config.mode(recipe.last.mode).ways():
        return "its elements took the places of the parent's, which it knows no more"
    if learned_of(config, name) is None:
        return f"what {parent.foundation} learned is not known; `learned` names labels like those"
    return None


def is_periodic(config: Config, name: str, root: Path = Path(".")) -> bool | None:
    """Whether random structures have cells, and bonds need not hold; None if that is not known of the system."""
    given, pool = _section(config).periodic, config.systems[system_of(config, name)].pool
    if given is not None:
        return given
    molecule, crystal = pool.first(False, root), pool.first(True, root)
    return None if molecule is None and crystal is None else molecule is None


def elements_of(config: Config, name: str) -> list[str]:
    """The elements whose pairs are pulled apart."""
    return _section(config).elements or config.systems[system_of(config, name)].elements


def compositions_of(config: Config, name: str) -> list[str]:
    """Compositions of random structures."""
    elements = config.systems[system_of(config, name)].elements
    pairs = [f"{one}3{other}3" for one, other in combinations(elements, 2)]
    return _section(config).compositions or pairs or [f"{elements[0]}{count}" for count in (2, 4, 6)]


def protocol_of(config: Config, name: str) -> str:
    """The protocol of the hot simulation."""
    return _section(config).protocol or f"{PREFIX}{system_of(config, name)}"


def with_tests(config: Config, root: Path) -> Config:
    """The configuration with the curves and protocols that the tests need.

    A curve of the models themselves and, where it can be asked what they forgot, one of these and one of their parent,
    both tested on what the parent learned.
    """
    own, curves, protocols = _section(config), {}, {}
    for name in names(config):
        recipe, parent, learned = recipe_of(config, name), parent_of(config, name), learned_of(config, name)
        given = config.curves.get(name)
        like = {"architecture": given.architecture, "seeds": given.seeds} if given and not own.model else {}
        system = system_of(config, name)
        level = next(iter(config.systems[system].levels), "none")  # which one does not matter: no errors are looked at
        curves[f"{PREFIX}{name}"] = _curve(recipe, None if recipe.stages else f"{system}.{level}", like)
        if parent is not None and not_forgetting(config, name) is None:
            curves[f"{PREFIX}{name}-kept"] = _curve(recipe, learned, like)
            curves[f"{PREFIX}{name}-parent"] = _curve(parent, learned, like)
        if own.protocol is None:
            protocols[protocol_of(config, name)] = _protocol(config, name, root)
    changes = {"curves": config.curves | curves, "dynamics": config.dynamics | protocols}
    found = config.model_copy(update=changes)
    found.__dict__.pop("models", None)  # they are others now
    return found


def asked(config: Config, name: str) -> dict[str, list[Table] | str]:
    """For each question the tables that answer it, the last one being read, or why it cannot be asked.

    ``config``: one ``with_tests``. Tables are those of figures, as if robustness/<name> were one.
    """
    recipe = recipe_of(config, name)
    delta = OPEN_DELTA if recipe.stages and len(recipe.last.levels) > 1 else None
    return {
        FORGETTING: not_forgetting(config, name) or _forgetting(config, name),
        DIMERS: delta or _dimers(config, name),
        SEARCH: delta or _search(config, name),
        SIMULATION: _simulation(config, name),
    }


def _forgetting(config: Config, name: str) -> list[Table]:
    """Errors of models and of their parent on what it learned, and their ratio."""
    kept, parent = (f"{PREFIX}{name}-{one}" for one in ("kept", "parent"))
    page, both = f"robustness/{name}", [kept, parent]
    values = {one: next(iter(config.curves[one].values), 0) for one in both}
    pair = {"curve": kept, "kept": kept, "value": values[kept], "before": parent, "before_value": values[parent]}
    predictions: dict[str, str | list[str]] = {"predictions": [f"results/predictions/{one}.npz" for one in both]}
    settings = {"figure": page, "curves": both, "units": "meV/atom"}
    return [
        Table("points", "points", predictions, settings),
        Table(FORGETTING, "forgetting", {"points": f"results/points/{page}.csv"}, {"pairs": [pair]}),
    ]


def _dimers(config: Config, name: str) -> list[Table]:
    """Energies of pairs of atoms."""
    curve = f"{PREFIX}{name}"
    line = Reference(curve=curve, value=next(iter(config.curves[curve].values), 1), label=name)
    # more elements than a figure has room for
    figure = Dimers.model_construct(kind="dimers", lines=[line], elements=elements_of(config, name))
    return figure.tables(config, f"robustness/{name}")


def _search(config: Config, name: str) -> list[Table]:
    """What becomes of random structures."""
    periodic = bool(is_periodic(config, name))
    figure = StructureSearch(
        kind="structure-search",
        curves=[f"{PREFIX}{name}"],
        compositions=compositions_of(config, name),
        structures=_section(config).structures,
        periodic=periodic,
        volume=VOLUME[periodic],
    )
    return figure.tables(config, f"robustness/{name}")[:1]  # without the points, by which claims are judged


def _simulation(config: Config, name: str) -> list[Table] | str:
    """What becomes of hot simulations, or why there can be none."""
    curve, protocol = f"{PREFIX}{name}", protocol_of(config, name)
    if list(force_field_mistakes(config, "", curve, "", [], can_have_engine(config, protocol))):
        return "a Δ model needs its low level in every step, which cannot be computed there"
    panel = Simulated(protocol=protocol, curves=[curve])
    return Stability(kind="stability", panels=[panel]).tables(config, f"robustness/{name}")


def _curve(recipe: recipes.Recipe, test: str | None, like: dict) -> Curve:
    """The curve of one recipe, whose last size is the open number."""
    values: list[int] = []
    if recipe.stages:
        values = [recipe.last.size]
        recipe = replace(recipe, stages=(*recipe.stages[:-1], replace(recipe.last, size=recipes.OPEN)))
    return Curve(label=str(recipe), recipe=str(recipe), values=values, test=test, **like)


def _protocol(config: Config, name: str, root: Path) -> Protocol:
    """The hot simulation of structures of a system."""
    own, system = _section(config), config.systems[system_of(config, name)]
    known = system.split.test or 1 if system.split else system.pool.size(root) or 1
    return Protocol(
        starts=Starts(
            system=system_of(config, name), set="test" if system.split else "all", structures=min(STARTS, known)
        ),
        temperature=own.temperature,
        length=own.length,
        timestep=own.timestep,
        replicas=own.replicas,
        closest=own.closest,
        bond_deviation=None if is_periodic(config, name, root) else own.bond_deviation,
    )


def _section(config: Config) -> Robustness:
    assert config.robustness is not None
    return config.robustness
