"""Boxes of the errors of single test structures, for groups of them such as temperatures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl.config.base import mistake
from mftl.figures.base import Table
from mftl.figures.errors import Errors

if TYPE_CHECKING:
    from mftl.config.whole import Config


class BoxPlots(Errors):
    """Boxes of the errors of single test structures, for groups of them such as temperatures."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("errors", "points")

    kind: Literal["box-plots"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, max_length=3, description="keys of `curves`, in the order of the legend")
    value: PositiveInt = Field(description="the one value of their open number")
    key: str = Field(description="the info key of the test structures that makes the groups, e.g. temperature")
    groups: list[str] = Field([], description="its values, in the order drawn ([]: all there are)")
    label: str = Field(description="name of the key in the figure, with its unit")
    quantity: Literal["energy", "forces"] = Field("forces", description="whose mean absolute error in each structure")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves and a value that it cannot draw."""
        yield from super().mistakes(config, path)
        yield from self.lacking_values(config, f"{path}.value", [self.value])
        if self.quantity == "forces" and not self.tests_forces(config):
            yield mistake(f"{path}.quantity", "forces", f"energy, since {self.test(config)} has energies alone")

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Errors of single structures in groups by what the pool knows of them, and the means of the groups."""
        files = self.predictions() | {"pool": f"results/pools/{self.target(config)[0]}.extxyz"}
        own = self.model_dump(include={"curves", "value", "key", "groups", "units"})
        settings = {"figure": name, **own}
        modules = {"errors": "structure_errors", "points": "group_points"}
        return [Table(folder, module, files, settings) for folder, module in modules.items()]

    def params(self, config: "Config") -> dict[str, Any]:
        """Legend, quantity, name of the groups and test set."""
        return self.legend(config) | self.model_dump(include={"quantity", "label"}) | {"test": self.test(config)}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Mean absolute error of each test structure ({self.test(config)}), of all seeds together, in groups. The "
            "line is the median, the box reaches from the first to the third quartile, the whiskers to the last error "
            "within 1.5 of its length."
        )

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All its curves at its value."""
        return {curve: [self.value] for curve in self.curves}
