"""Which fraction of simulations is stable, and how long they last, against training size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mftl.figures.simulations import Collected, Simulated

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Stability(Collected):
    """Which fraction of simulations is stable, and how long they last, against training size."""

    kind: Literal["stability"] = Field(description="the kind of figure")
    panels: list[Simulated] = Field(min_length=1, max_length=3, description="a column of panels for each")

    def parts(self) -> Sequence[tuple[str, Simulated]]:
        """Its columns."""
        return [(f".panels.{i}", panel) for i, panel in enumerate(self.panels)]

    def params(self, config: "Config") -> dict[str, Any]:
        """Legend, and what is simulated in each column."""
        return self.legend(config) | {"panels": self.descriptions(config)}

    def text(self, config: "Config") -> str:
        """What it shows."""
        panels = [f"{one['label']}: {one['text']}".removeprefix(": ") + "." for one in self.descriptions(config)]
        return (
            "Above: fraction of simulations that are stable to their end, by two criteria: no two atoms ever too close "
            "(filled markers; Röcken and Zavadlav), and no bond's length ever off by too much (open markers; Fu et "
            "al.; only where bonds must hold). Error bars: 68 % Wilson intervals. Below: the time after which half of "
            "the simulations have violated one of them; arrows: half of them or more never do. " + " ".join(panels)
        )
