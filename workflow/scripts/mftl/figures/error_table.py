"""A table of errors, a line for each group of test structures, with MAE and RMSE of each model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mftl.figures.base import Table
from mftl.figures.errors import Errors

if TYPE_CHECKING:
    from mftl.config.whole import Config


class ErrorTable(Errors):
    """A table of errors, a line for each group of test structures, with MAE and RMSE of each model."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("grouped-points",)

    kind: Literal["error-table"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, max_length=4, description="keys of `curves`, a block of columns for each")
    values: list[PositiveInt] = Field(
        [], max_length=4, description="which of the curves' `values`, a block for each (none: all)"
    )
    key: str = Field(description="the info key of the test structures that makes the groups, e.g. sampling")
    groups: list[str] = Field([], description="its values, in the order of the lines ([]: all there are)")
    label: str = Field(description="name of the key in the table")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Curves and values that it cannot show."""
        yield from super().mistakes(config, path)
        yield from self.lacking_values(config, f"{path}.values", self.values)

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Points of each group."""
        files = self.predictions() | {"pool": f"results/pools/{self.target(config)[0]}.extxyz"}
        settings = {"figure": name} | self.model_dump(include={"curves", "values", "key", "groups", "units"})
        return [Table("grouped-points", "grouped_points", files, settings)]

    def params(self, config: "Config") -> dict[str, Any]:
        """Labels of the curves, of the groups, and the test set."""
        labels = self.legend(config)["labels"]
        return {"labels": labels, "label": self.label, "test": self.test(config)}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """Its curves at the values shown."""
        return {curve: self.values or config.curves[curve].values for curve in self.curves}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Mean absolute and root mean square errors on the test set ({self.test(config)}), all of it and in groups "
            f"by {self.label}; means over seeds."
        )
