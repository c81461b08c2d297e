"""Force components of a model and a level against another level."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mftl.figures.parity import Parity

if TYPE_CHECKING:
    from mftl.config.whole import Config


class ForceParity(Parity):
    """Force components of a model and a level against another level."""

    kind: Literal["force-parity"] = Field(description="the kind of figure")

    def text(self, config: "Config") -> str:
        """What it shows."""
        return f"Force components {self.subjects()}"
