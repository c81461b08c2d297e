"""A table of how many simulations are stable, a line for each curve, a column for each training size."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt

from mftl.config.base import mistake
from mftl.figures.simulations import Collected, Simulated

if TYPE_CHECKING:
    from mftl.config.whole import Config


class StabilityTable(Collected, Simulated):
    """A table of how many simulations are stable, a line for each curve, a column for each training size."""

    kind: Literal["stability-table"] = Field(description="the kind of figure")
    published: dict[str, list[int]] = Field(
        {}, description="what a paper found for a curve, at each of `values`, e.g. {germanium-single: [35, 46]}"
    )
    published_of: PositiveInt = Field(100, description="out of so many simulations there")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """What cannot be simulated, and published numbers that fit no line of the table."""
        yield from super().mistakes(config, path)
        for name, counts in self.published.items():
            values = self.values or (config.curves[name].values if name in config.curves else [])
            if name not in self.curves or len(counts) != len(values):
                yield mistake(f"{path}.published.{name}", counts, f"of a curve of the table, {len(values)} numbers")

    def params(self, config: "Config") -> dict[str, Any]:
        """Labels, how it was simulated, and what a paper found at which values."""
        values = {curve: self.values or config.curves[curve].values for curve in self.published}
        published = {"counts": self.published, "of": self.published_of, "values": values}
        labels = self.legend(config)["labels"]
        return {"labels": labels, "panels": self.descriptions(config), "published": published}

    def text(self, config: "Config") -> str:
        """What it shows."""
        (panel,) = self.descriptions(config)
        return (
            "Simulations that are stable to their end, out of all, by two criteria: no two atoms ever too close "
            "(Röcken and Zavadlav), and no bond's length ever off by too much (Fu et al.; only where bonds must hold). "
            f"{panel['text']}."
        )
