"""What figures of every kind have, and what they are asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from mftl.config.base import Section
from mftl.registry import module_of

if TYPE_CHECKING:
    from mftl.config.whole import Config

Files = dict[str, str | list[str]]


@dataclass(frozen=True)
class Table:
    """A table that a figure is drawn from: results/<folder>/<figure>.csv.

    ``table`` of ``mftl.tables.<module>`` makes it of ``inputs`` and ``settings``.
    """

    folder: str
    module: str
    inputs: Files
    settings: Mapping[str, Any] = field(default_factory=dict)


class Figure(Section):
    """What figures of every kind have."""

    FOLDERS: ClassVar[tuple[str, ...]] = ()  # of results, in which figures of this kind have tables made of results
    MEASURED: ClassVar[tuple[str, ...]] = ()  # those with tables for which models are run, on a GPU if there is one
    SIMULATED: ClassVar[bool] = False  # whether it rests on simulations

    if TYPE_CHECKING:
        kind: str  # of those that are drawn
    title: str = Field("", description="heading of the figure")
    note: str = Field("", description="sentences for the caption in the report, such as what a paper found")
    category: str = Field(
        "Cui, Reuter, Margraf: multi-fidelity transfer learning", description="where the report lists the figure"
    )

    @property
    def drawn_by(self) -> str:
        """The module that draws it."""
        return f"mftl.plotting.{module_of(type(self)).rpartition('.')[2]}"

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """A line for each value that contradicts another one of the configuration; ``path`` is that of the section."""
        yield from ()

    def models(self) -> list[tuple[str, str, str]]:
        """Models that it asks for besides those of curves: key of the recipe, architecture and recipe."""
        return []

    def tables(self, config: "Config", name: str) -> list[Table]:
        """Tables that it is drawn from; ``name`` is the figure's."""
        return []

    def inputs(self, config: "Config", name: str) -> Files:
        """Files that it is drawn from: by default its tables, by their folders."""
        return {one.folder.replace("-", "_"): f"results/{one.folder}/{name}.csv" for one in self.tables(config, name)}

    def params(self, config: "Config") -> dict[str, Any]:
        """What its drawing needs to know besides the files, the title and the style."""
        return {}

    def style(self, config: "Config") -> dict[str, Any]:
        """The section `plot`, without colours."""
        return config.plot.model_dump(exclude={"colors"})

    def text(self, config: "Config") -> str:
        """What the report's caption says it shows, as reStructuredText."""
        return ""

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """Curves that the caption lists, and at which values."""
        return {}

    def legend(self, config: "Config") -> dict[str, Any]:
        """Labels and looks of the curves that it shows."""
        names = self.shown(config)
        return {
            "labels": {curve: config.curves[curve].label for curve in names},
            "looks": {curve: config.look_of(curve) for curve in names},
        }
