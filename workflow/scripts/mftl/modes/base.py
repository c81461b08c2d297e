"""What is asked of each key of a mode that changes more than values of `training`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from mftl.recipe import Recipe

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Way(BaseModel):
    """A key of a mode. All it can do makes sense for a stage with a parent model alone."""

    CITE: ClassVar[tuple[str, ...]] = ()  # keys of resources/citations.bib

    @classmethod
    def meaning(cls) -> str:
        """What the key means, for the generated documentation."""
        return " ".join((cls.__doc__ or "").split()).rstrip(".")

    def mistakes(self, config: "Config", path: str, recipe: Recipe) -> Iterator[str]:
        """A line for each thing that is wrong with it for the last stage of a recipe; ``path`` is that of the mode."""
        yield from ()

    def known_after(self, known: list[str]) -> list[str]:
        """The elements that a model knows afterwards, of those it knew. Raises ValueError with what would be valid."""
        return known

    def inputs(self, config: "Config", recipe: Recipe) -> dict[str, str | list[str]]:
        """Files that the last stage of a recipe reads for it."""
        return {}

    def systems(self, config: "Config", recipe: Recipe) -> list[str]:
        """Systems whose structures are learned besides those of the stage: the parent has to know their elements."""
        return []

    def learned(self, config: "Config", recipe: Recipe) -> list[tuple[str, str]]:
        """Systems and levels whose labels are learned besides those of the stage."""
        return []

    def params(self, config: "Config", recipe: Recipe) -> dict[str, Any]:
        """What training needs to know of it for the last stage of a recipe."""
        return self.model_dump()
