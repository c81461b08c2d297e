"""What figures have that rest on simulations with models."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import Name, Section, listed, mistake
from mftl.config.curves import Reference
from mftl.figures.base import Figure, Table
from mftl.paths import runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Simulated(Section):
    """Curves whose models are run under a protocol."""

    protocol: Name = Field(description="a key of `dynamics`")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, in the order of the legend")
    values: list[PositiveInt] = Field([], description="which of the curves' `values` (none: all)")
    label: str = Field("", description="what is simulated, above the panel")


class Simulations(Figure):
    """A figure that rests on simulations with models."""

    SIMULATED: ClassVar[bool] = True

    def parts(self) -> "Sequence[tuple[str, Simulated]]":
        """Its parts that each have a protocol, with their paths in the section."""
        return [("", self)] if isinstance(self, Simulated) else []

    def models_alone(self) -> list[Reference]:
        """Models that are simulated besides the curves."""
        return []

    def runs(self, config: "Config") -> list[dict[str, Any]]:
        """All models that are simulated, each with the number of its panel; references come last."""
        parts = [part for _, part in self.parts()]
        runs = [
            {"panel": i, **run}
            for i, part in enumerate(parts)
            for run in runs_of(config, part.curves, part.values, part.protocol)
        ]
        for one in self.models_alone():
            own = [{"panel": 0, **run} for run in runs_of(config, [one.curve], [one.value], parts[0].protocol)]
            runs += [run for run in own if run not in runs]
        return runs

    def files(self, config: "Config", name: str) -> list[str]:
        """A file of each simulated model."""
        return [
            f"results/dynamics/{run['protocol']}/{run['architecture']}/{run['recipe']}/seed-{run['seed']}/{name}"
            for run in self.runs(config)
        ]

    def descriptions(self, config: "Config") -> list[dict[str, str]]:
        """What is simulated in each panel, and how."""
        return [{"label": one.label, "text": protocol_text(config, one.protocol)} for _, one in self.parts()]

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All curves simulated at the values simulated."""
        return values_of(self.runs(config))

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Protocols, curves and values that cannot be simulated."""
        for key, part in self.parts():
            where = f"{path}{key}"
            if part.protocol not in config.dynamics:
                known = listed(config.dynamics) or "none is configured"
                yield mistake(f"{where}.protocol", part.protocol, f"a key of dynamics ({known})")
            engine = can_have_engine(config, part.protocol)
            for i, name in enumerate(part.curves):
                keys = f"{where}.curves.{i}", name, f"{where}.values", part.values
                yield from force_field_mistakes(config, *keys, engine=engine)
                recipe = config.open_recipe(name)
                if recipe and recipe.open != "size":
                    yield mistake(f"{where}.curves.{i}", name, "a curve whose size is open (*)")
            for i, one in enumerate(self.models_alone()):
                keys = f"{where}.references.{i}.curve", one.curve, f"{where}.references.{i}.value", [one.value]
                yield from force_field_mistakes(config, *keys, engine=engine)


class Collected(Simulations):
    """A figure drawn from a table of what became of all simulations."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("simulations",)

    def tables(self, config: "Config", name: str) -> list[Table]:
        """What became of all simulations."""
        return [Table("simulations", "simulations", {"events": self.files(config, "events.csv")},
                      {"runs": self.runs(config)})]  # fmt: skip


def with_colors(config: "Config", points: Sequence[Reference]) -> list[dict[str, Any]]:
    """Points of curves with the colours of their curves, for drawing."""
    return [one.model_dump() | {"color": config.look_of(one.curve)["color"]} for one in points]


def values_of(runs: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Which values of which curves are among some runs."""
    found: dict[str, set[int]] = {}
    for run in runs:
        found.setdefault(run["curve"], set()).add(run["value"])
    return {curve: sorted(values) for curve, values in found.items()}


def protocol_text(config: "Config", name: str) -> str:
    """What a figure says of the simulations in it."""
    one = config.dynamics[name]
    ensemble = "constant energy" if one.ensemble == "nve" else f"Langevin {one.friction:g}/ps"
    if one.ensemble == "npt":
        ensemble += f", {one.pressure:g} bar"
    models = "the mean forces of all seeds" if one.committee else "each model"
    bonds = f", bonds within {one.bond_deviation:g}\u00a0Å" if one.bond_deviation else ""
    return (
        f"{one.replicas} simulations with {models}, {one.temperature:g} K, {ensemble}, {one.length:g} ps, "
        f"step {one.timestep:g} fs; stable: no two atoms within {one.closest:g}\u00a0Å{bonds}"
    )


def can_have_engine(config: "Config", protocol: str) -> bool:
    """Whether a Δ model's low level may be computed in simulations: it gives no stress there."""
    return protocol not in config.dynamics or config.dynamics[protocol].ensemble != "npt"


def engine_level(config: "Config", named: str | None) -> dict[str, Any] | None:
    """The values of a level, <system>.<level>, that is computed beside models; None if none is named."""
    if not named:
        return None
    system, _, level = named.partition(".")
    return config.systems[system].levels[level].model_dump()


def engine_level_mistakes(config: "Config", path: str, named: str | None) -> Iterator[str]:
    """Why a level cannot be computed beside models: it is not there, or has no engine."""
    if not named:
        return
    system, _, level = named.partition(".")
    levels = config.systems[system].levels if system in config.systems else {}
    if not hasattr(levels.get(level), "engine"):
        yield mistake(path, named, "<system>.<level> of the configuration, computed by an engine")


def force_field_mistakes(
    config: "Config", path: str, name: str, values_path: str, values: list[int], engine: bool = True
) -> Iterator[str]:
    """Why a curve's models at some values cannot drive dynamics; ``engine``: a Δ model's low level may be computed."""
    if name not in config.curves:
        yield mistake(path, name, f"the curves: {listed(config.curves)}")
        return
    curve = config.curves[name]
    recipe = recipes.read(curve.recipe)
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
