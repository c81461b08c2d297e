"""Recipes: the chain of training stages that makes a model, written as the path where the model lies.

One stage is ``<system>.<level>.n<size>[.e<epochs>][.<mode>]``; stages are chained by ``/``. The first element may
be the name of a foundation model instead, which may also stand alone. In a curve, one number is left open and written
``*``. ``.ebest`` is that of several snapshots whose fine-tuning by the next stage has the lowest validation error.
A joint stage learns several levels at once, joined by ``+``: the last one is what its model is for.

    molecules.dftb-ptbp.n3000.e16/molecules.pbe0-d3.n50
    molecules.dftb-ptbp.n3000+molecules.pbe0-d3.n50
    molecules.dftb-ptbp.n3000.ebest/molecules.pbe0-d3.n400/molecules.ccsdt.n25
    mace-off23-small/molecules.pbe0-d3.n*
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeVar

NAME = r"[a-z][a-z0-9_-]*"
LEVEL = rf"{NAME}(?:~{NAME})?"
# any name but those that say which snapshot a stage is
MODE = rf"(?!e(?:\d+|best)(?:[/.]|$)){NAME}"
_PART = rf"(?P<system>{NAME})\.(?P<level>{LEVEL})\.n(?P<size>\d+|\*)"
_STAGE = re.compile(rf"{_PART}(?:\.e(?P<epochs>\d+|\*|best))?(?:\.(?P<mode>{MODE}))?")
PART_FORM = "<system>.<level>.n<size>"
FORM = f"{PART_FORM}[.e<epochs>][.<mode>]"
OPEN = -1  # the number that a curve leaves open
BEST = -2  # the epoch that the next stage's validation error chooses


@dataclass(frozen=True)
class Part:
    """What is learned: so many structures of a system, labelled at a level."""

    system: str
    level: str
    size: int

    def __str__(self) -> str:
        return f"{self.system}.{self.level}.n{_number(self.size)}"

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels whose labels are needed: two for a difference level ``high~low``."""
        return tuple(self.level.split("~"))


@dataclass(frozen=True)
class Stage(Part):
    """One training run. ``epochs`` None: until it stops by itself; a number: its snapshot after that many epochs.

    ``epochs`` BEST: the snapshot that makes the best parent of the next stage. ``others``: what a joint stage learns
    with other heads; its model is for its own system and level.
    """

    epochs: int | None = None
    mode: str = "default"
    others: tuple[Part, ...] = ()

    def __str__(self) -> str:
        text = "+".join([*map(str, self.others), super().__str__()])
        if self.epochs is not None:
            text += ".ebest" if self.epochs == BEST else f".e{_number(self.epochs)}"
        return text if self.mode == "default" else f"{text}.{self.mode}"

    @property
    def trained(self) -> "Stage":
        """The training run that this stage is a snapshot of; itself if it is none."""
        return replace(self, epochs=None)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that is learned at once, in the order in which it is written: the last is the stage itself."""
        return (*self.others, self)


AnyPart = TypeVar("AnyPart", bound=Part)


@dataclass(frozen=True)
class Recipe:
    """A chain of stages, after a foundation model if ``foundation`` names one."""

    stages: tuple[Stage, ...]
    foundation: str | None = None

    def __str__(self) -> str:
        return "/".join([*([self.foundation] if self.foundation else []), *map(str, self.stages)])

    @property
    def last(self) -> Stage:
        """The stage that makes the model."""
        return self.stages[-1]

    @property
    def parent(self) -> "Recipe | None":
        """The recipe less its last stage; None where training starts from random weights, and of a file."""
        if not self.stages or (len(self.stages) == 1 and self.foundation is None):
            return None
        return Recipe(self.stages[:-1], self.foundation)

    @property
    def trained(self) -> "Recipe":
        """The recipe of the training run that this one is a snapshot of; itself if it is none."""
        return replace(self, stages=(*self.stages[:-1], self.last.trained))

    @property
    def chooses(self) -> bool:
        """Whether its last stage was trained from several snapshots, of which the best is kept."""
        return len(self.stages) > 1 and self.stages[-2].epochs == BEST

    def candidates(self, snapshots: Iterable[int]) -> "list[Recipe]":
        """Of a recipe that chooses, the recipes it chooses from: one for each of these epochs."""
        *before, tried, last = self.stages
        return [replace(self, stages=(*before, replace(tried, epochs=one), last)) for one in snapshots]

    @property
    def epochs(self) -> int:
        """Epochs of the first snapshot in the chain; 0 if there is none, BEST if the next stage chose them."""
        return next((stage.epochs for stage in self.stages if stage.epochs), 0)

    @property
    def chooser(self) -> "Recipe | None":
        """The start of the chain whose model knows which epochs were chosen, if its first snapshot is ``.ebest``."""
        if self.epochs != BEST:
            return None
        position = next(i for i, stage in enumerate(self.stages) if stage.epochs == BEST)
        return Recipe(self.stages[: position + 2], self.foundation)

    @property
    def open(self) -> str | None:
        """Which number is left open: ``size``, ``epochs`` or None."""
        for stage in self.stages:
            if any(part.size == OPEN for part in stage.parts):
                return "size"
            if stage.epochs == OPEN:
                return "epochs"
        return None

    def at(self, value: int) -> "Recipe":
        """The recipe with its open number filled in."""
        return replace(
            self,
            stages=tuple(
                replace(
                    _sized(s, value),
                    epochs=value if s.epochs == OPEN else s.epochs,
                    others=tuple(_sized(part, value) for part in s.others),
                )
                for s in self.stages
            ),
        )


def parse_stage(text: str) -> Stage:
    """Read one stage; the inverse of ``str(stage)``. Raises ValueError that names the form if it is none.

    Or if a joint stage learns the same twice.
    """
    *others, own = text.split("+")
    match, joined = _STAGE.fullmatch(own), [re.fullmatch(_PART, one) for one in others]
    if not match or not all(joined):
        form = f"{PART_FORM}+…+{FORM}" if others else FORM
        raise ValueError(f"{text!r} is not a stage: expected {form}")
    epochs = None if match["epochs"] is None else _parse_number(match["epochs"])
    parts = [Part(one["system"], one["level"], _parse_number(one["size"])) for one in (*joined, match) if one]
    if epochs == 0 or any(part.size == 0 for part in parts):
        raise ValueError(f"{text!r}: size and epochs start at 1")
    learned = [f"{part.system}.{part.level}" for part in parts]
    if twice := [one for one in learned if learned.count(one) > 1]:
        raise ValueError(f"{text!r} learns {twice[0]} twice: each level of a system once")
    last = parts.pop()
    stage = Stage(last.system, last.level, last.size, epochs, match["mode"] or "default", tuple(parts))
    if str(stage) != text:
        raise ValueError(f"{text!r} is not in its shortest form: write {stage}")
    return stage


def parse(text: str) -> Recipe:
    """Read a recipe; the inverse of ``str(recipe)``.

    Raises ValueError if an element is not a stage (or, in first place, a name), more than one number is open, or no
    stage that could choose follows one with ``.ebest``.
    """
    elements = text.split("/")
    foundation = None
    if re.fullmatch(NAME, elements[0]):
        foundation = elements.pop(0)
    recipe = Recipe(tuple(parse_stage(e) for e in elements), foundation)
    if text.count("*") > 1:
        raise ValueError(f"{text!r}: only one number may be left open (*)")
    for stage, following in zip_longest(recipe.stages, recipe.stages[1:]):
        if stage.epochs != BEST:
            continue
        if following is None:
            raise ValueError(f"{text!r}: .ebest is chosen by the stage that follows; the last stage cannot have it")
        if following.epochs is not None:
            raise ValueError(
                f"{text!r}: {following} chooses among the snapshots before it by its own best validation error, "
                "so it cannot be a snapshot itself (.e)"
            )
    return recipe


def read(text: str) -> Recipe | None:
    """A recipe; None if it is none, which is reported where it stands."""
    try:
        return parse(text)
    except ValueError:
        return None


def is_mode(name: str) -> bool:
    """Whether a stage can name a mode so."""
    return re.fullmatch(MODE, name) is not None


def model_path(architecture: str, recipe: Recipe | str, seed: int | str) -> str:
    """Where a model lies."""
    return f"results/models/{architecture}/{recipe}/seed-{seed}/model.pt"


def _sized(part: AnyPart, value: int) -> AnyPart:
    """The same with its size filled in, if that is open."""
    return replace(part, size=value) if part.size == OPEN else part


def _number(value: int) -> str:
    return "*" if value == OPEN else str(value)


def _parse_number(text: str) -> int:
    if text == "best":
        return BEST
    return OPEN if text == "*" else int(text)
