"""Named ways to train."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from mftl import modes
from mftl.config.base import Name, Section

TWICE = "twice"  # each mode has a twin: `twice` that of the default one, `<mode>-twice` that of any other
BUDGET = ("epochs", "min_steps", "patience")  # what a twin has twice as much of


def twin(mode: str) -> str:
    """The name of a mode's twin, which trains in the same way with twice the budget."""
    return TWICE if mode == "default" else f"{mode}-{TWICE}"


def single(name: str) -> str | None:
    """The mode that a name is the twin of; None if it is not the name of a twin."""
    if name == TWICE:
        return "default"
    return name.removesuffix(f"-{TWICE}") if name.endswith(f"-{TWICE}") else None


class Mode(Section):
    """A named way to train: values that replace those of `training`, perhaps with data of the parent in every step."""

    training: dict[str, Any] = Field({}, description="any keys of the section `training`")
    resample: bool = Field(
        False, description="each seed is trained on other structures of the training set, not only from other weights"
    )

    order: Name | None = Field(
        None,
        description="a key of `selections`: the first structures of that order are trained on, not of the hashed one; "
        "each seed has an order of its own",
    )

    def ways(self) -> dict[str, modes.Way]:
        """What it does besides, by key."""
        given = ((key, getattr(self, key)) for key in modes.sections())
        return {key: way for key, way in given if way is not None and way.model_dump() != {}}


if TYPE_CHECKING:  # which keys it has depends on the plugs that are found
    AnyMode = Any
else:
    AnyMode = create_model(
        "Mode",
        __base__=Mode,
        __doc__=Mode.__doc__,
        **{key: (way | None, Field(None, description=way.meaning())) for key, way in modes.sections().items()},
    )
