"""Pools drawn from a published data set; its structures come with labels, so a rule of its own loads both."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, PositiveInt

from mftl import catalogue
from mftl.config.base import mistake
from mftl.config.levels import DatasetName
from mftl.pools.base import Pool


class DatasetPool(Pool):
    """A random sample of a published data set, downloaded and checked."""

    dataset: DatasetName = Field(description="its name; docs/datasets.md describes each")
    count: PositiveInt | None = Field(None, description="structures drawn (null: all); fewer are a part of more")
    seed: int = Field(0, description="another seed draws others")
    without: dict[str, list[str]] = Field(
        {}, description="leave out structures whose info key has one of these values, e.g. {group: [Surface]}"
    )

    def ids(self, root: Path = Path(".")) -> None:
        """Unknown before it is loaded."""

    def size(self, root: Path = Path(".")) -> int:
        """How many structures are drawn."""
        return self.count or catalogue.DATASETS[self.dataset].structures

    def info(self, key: str, root: Path = Path(".")) -> None:
        """Unknown before it is loaded."""

    def at_least(self, values: dict[str, list[str]]) -> int:
        """The published test set, if it is asked for and all structures are drawn."""
        whole = self.count is None and not self.without
        return catalogue.DATASETS[self.dataset].test if whole and "test" in values.get("set", ()) else 0

    def first(self, periodic: bool, root: Path = Path(".")) -> str | None:
        """A name for a structure, if the data set holds such."""
        return f"1 of {self.dataset}" if catalogue.DATASETS[self.dataset].periodic == periodic else None

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """A line if more structures are wanted than there are."""
        known = catalogue.DATASETS[self.dataset].structures
        if (self.count or 1) > known:
            yield mistake(f"{path}.count", self.count, f"at most {known}, all of {self.dataset}")
