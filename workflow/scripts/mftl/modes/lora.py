"""Low-rank adaptation of the parent's linear layers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Section, mistake
from mftl.modes.base import Way
from mftl.recipe import Recipe

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Lora(Section, Way):
    """low-rank adaptation: of the linear layers products of two small matrices learn, and nothing else"""

    CITE: ClassVar[tuple[str, ...]] = ("hu2022",)

    rank: PositiveInt = Field(description="columns of the one and rows of the other matrix, r")
    alpha: PositiveFloat = Field(1.0, description="their product counts alpha / r times")

    def mistakes(self, config: "Config", path: str, recipe: Recipe) -> Iterator[str]:
        """Kernels that read other weights."""
        settings = config.training_of(recipe.last.mode, True)
        if settings.accelerate != "none":
            yield mistake(f"{path}.lora", self.model_dump(), "a mode with accelerate: none in its `training`")
