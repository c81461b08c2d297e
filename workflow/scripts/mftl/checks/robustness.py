"""Checks of what tests of robustness are asked for, before their curves are made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mftl import recipe as recipes
from mftl.config.base import listed, mistake
from mftl.config.compositions import elements_in
from mftl.config.foundation import lacking
from mftl.config.whole import Config
from mftl.model_files import elements_of
from mftl.robustness import tested


def mistakes(config: Config, root: Path) -> Iterator[str]:
    """A line for each thing that cannot be tested."""
    own = config.robustness
    assert own is not None
    lines = list(_of_model(config, root) if own.model else _of_curves(config))
    for section, names in (("curves", config.curves), ("dynamics", config.dynamics)):
        for name in names:
            if name.startswith(tested.PREFIX):
                lines.append(mistake(f"{section}.{name}", name, "another name: robustness makes those of this start"))
    if own.protocol is not None and own.protocol not in config.dynamics:
        known = listed(config.dynamics) or "none is configured"
        lines.append(mistake("robustness.protocol", own.protocol, f"a key of dynamics ({known}), or null"))
    yield from lines
    if not lines:  # else what follows may not be there
        for name in tested.names(config):
            yield from _of_learned(config, name, root)
            yield from _of_elements(config, name, root)
            if tested.is_periodic(config, name, root) is None:
                valid = "true or false: before the pool is there, nobody knows whether its structures have cells"
                yield mistake("robustness.periodic", None, valid)


def _of_model(config: Config, root: Path) -> Iterator[str]:
    """What is wrong with a model file and what is said of it."""
    own = config.robustness
    assert own is not None and own.model is not None
    for key, value in (("curves", own.curves), ("value", own.value)):
        if value:
            yield mistake(f"robustness.{key}", value, "none beside `model`")
    for key in ("model", "parent"):
        name = getattr(own, key)
        if name is not None and name not in config.foundation_models:
            known = listed(config.foundation_models) or "none is configured"
            yield mistake(f"robustness.{key}", name, f"a key of foundation_models, which names its file ({known})")
    if own.system not in config.systems:
        yield mistake(
            "robustness.system", own.system, f"a system, on which the model is tested: {listed(config.systems)}"
        )
    elif own.model in config.foundation_models:
        file = config.foundation_of(own.model).file
        if valid := lacking(file, elements_of(root / file), own.system, config.systems[own.system].elements):
            yield mistake("robustness.model", own.model, valid)


def _of_curves(config: Config) -> Iterator[str]:
    """What is wrong with curves that are named, or those of `export`."""
    own = config.robustness
    assert own is not None
    for key in ("system", "parent"):
        if (value := getattr(own, key)) is not None:
            yield mistake(f"robustness.{key}", value, "null, since a curve says it; it is for a `model`")
    trained = [name for name, one in config.curves.items() if (read := recipes.read(one.recipe)) and read.stages]
    if not (names := tested.names(config)):
        valid = f"curves of trained models ({listed(trained)}), some in `export`, or a `model`"
        yield mistake("robustness.curves", own.curves, valid)
    for i, name in enumerate(names):
        if name not in trained:
            yield mistake(f"robustness.curves.{i}", name, f"curves of trained models: {listed(trained)}")
        elif own.value is not None and own.value not in (values := config.curves[name].values):
            yield mistake("robustness.value", own.value, f"values of {name}: {listed(map(str, values))}")


def _of_learned(config: Config, name: str, root: Path) -> Iterator[str]:
    """What is wrong with the labels that say what is left of what a parent learned."""
    own: Any = config.robustness
    if own.learned is None:
        return
    system, _, level = own.learned.partition(".")
    levels = config.systems[system].levels if system in config.systems else {}
    if level not in levels:
        yield mistake("robustness.learned", own.learned, "<system>.<level> of the configuration")
    elif config.systems[system].split is None:
        yield mistake(f"systems.{system}.split", None, "a split, since robustness.learned tests on the system")
    else:
        elements, known = config.systems[system].elements, _known(config, name, root)
        yield from _unknown("learned", own.learned, elements, known, f"labels of elements that {name} knows")


def _of_elements(config: Config, name: str, root: Path) -> Iterator[str]:
    """Elements that models do not know, of pairs, compositions and what a protocol starts from."""
    own: Any = config.robustness
    known = _known(config, name, root)
    for i, element in enumerate(own.elements):
        if element not in known:
            yield mistake(f"robustness.elements.{i}", element, f"elements that {name} knows: {listed(known)}")
    for i, one in enumerate(own.compositions):
        yield from _unknown(f"compositions.{i}", one, elements_in(one), known, f"elements that {name} knows")
    if own.protocol is not None:
        starts = config.dynamics[own.protocol].starts
        used = [starts.crystal.element] if starts.crystal else config.systems[str(starts.system)].elements
        yield from _unknown("protocol", own.protocol, used, known, f"a protocol of elements that {name} knows")


def _unknown(key: str, value: str, elements: list[str], known: list[str], valid: str) -> Iterator[str]:
    """The line for a value with elements that models do not know, if it has some."""
    if unknown := [one for one in elements if one not in known]:
        yield mistake(f"robustness.{key}", value, f"{valid} ({listed(known)}), not {listed(unknown)}")


def _known(config: Config, name: str, root: Path) -> list[str]:
    """The elements that models know, as far as can be told: of a file that does not tell, those of the system."""
    recipe, own = tested.recipe_of(config, name), config.systems[tested.system_of(config, name)].elements
    if recipe.foundation:
        known = elements_of(root / config.foundation_of(recipe.foundation).file) or own
    else:
        known = config.systems[recipe.stages[0].system].elements
    for stage in recipe.stages if recipe.foundation else recipe.stages[1:]:  # those with a parent
        for way in config.mode(stage.mode).ways().values():
            known = way.known_after(known)
    return known
