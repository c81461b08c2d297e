"""New elements that take the places of the parent's."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, RootModel

from mftl.config.base import Element, listed, mistake
from mftl.modes.base import Way
from mftl.recipe import Recipe

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Elements(RootModel[dict[Element, Element]], Way):
    """new elements that take the places of the parent's.

    {Ge: Si} makes of all that was learned of Si the start for Ge.
    """

    CITE: ClassVar[tuple[str, ...]] = ("rocken2025",)
    model_config = ConfigDict(strict=True, frozen=True)

    def known_after(self, known: list[str]) -> list[str]:
        """The same with new names. Raises ValueError if an old one is not known, or a new one is."""
        for new, old in self.root.items():
            if old not in known or new in known:
                lacking = f"{old} to be an element" if old not in known else f"{new} to be no element"
                raise ValueError(f"{lacking} of the model that the stage starts from, which knows {listed(known)}")
        return [{old: new for new, old in self.root.items()}.get(one, one) for one in known]

    def mistakes(self, config: "Config", path: str, recipe: Recipe) -> Iterator[str]:
        """Nothing else may go on with the parent's data, which are of its elements."""
        if config.mode(recipe.last.mode).replay is not None:
            valid = "no `replay`: a head that goes on with the parent's data would need the parent's elements"
            yield mistake(f"{path}.elements", self.root, valid)
