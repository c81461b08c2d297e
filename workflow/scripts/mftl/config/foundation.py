"""Models of others that recipes may start from."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from mftl import catalogue
from mftl.config.base import Section, listed

if TYPE_CHECKING:
    ModelName = str
else:
    ModelName = Literal[*catalogue.MODELS]


class FoundationModel(Section):
    """A model file that recipes may start from."""

    file: str = Field(description="a model that mace-torch saved")
    head: str | None = Field(None, description="which head, of a model with several")


class FoundationDownload(Section):
    """A foundation model that is downloaded."""

    download: ModelName = Field(description="its name; docs/datasets.md lists them")
    head: str | None = Field(None, description="which head, of a model with several")

    @property
    def file(self) -> str:
        """Where a copy of what was downloaded lies."""
        return f"results/foundation_models/{self.download}.model"


def lacking(file: str, known: list[str] | None, system: str, elements: list[str]) -> str | None:
    """What would be valid in the place of a model file that lacks elements of a system; None if it lacks none.

    ``known`` are its elements; where they cannot be told (None), whoever loads it looks.
    """
    if known is None or not (unknown := [one for one in elements if one not in known]):
        return None
    return (
        f"a model that knows {listed(unknown)} of {system} too ({file} knows {listed(known)}), or a pool without "
        f"structures that hold them and systems.{system}.elements without them"
    )


def _form(value: Any) -> str:
    """How a foundation model is given."""
    if isinstance(value, str):
        return "path"
    return "download" if "download" in (value if isinstance(value, dict) else dict(value)) else "described"


AnyFoundationModel = Annotated[
    Annotated[str, Tag("path")]
    | Annotated[FoundationModel, Tag("described")]
    | Annotated[FoundationDownload, Tag("download")],
    Discriminator(_form),
]
