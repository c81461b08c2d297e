"""A drawing of transfer: between levels and in configuration space, or between elements."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mftl.figures.base import Figure

if TYPE_CHECKING:
    from mftl.config.whole import Config

TEXTS = {
    "levels": "A drawing, not data. Multi-fidelity transfer: the same structures are labelled cheaply for pre-training,"
    " some of them accurately for fine-tuning. Transfer in configuration space: pre-training uses accurate labels of "
    "other structures.",
    "elements": "A drawing, not data. A model is trained on many structures of one element. All its weights, the "
    "embedding of the element among them, are where training on few structures of another element starts.",
}


class Scheme(Figure):
    """A drawing of transfer: between levels and in configuration space, or between elements."""

    kind: Literal["scheme"] = Field(description="the kind of figure")
    drawing: Literal["levels", "elements"] = Field("levels", description="transfer between what")

    def params(self, config: "Config") -> dict[str, Any]:
        """What is drawn, and the looks of the roles in it."""
        roles = ("mftl", "foundation", "single-fidelity", "transfer")
        return {"drawing": self.drawing, "looks": {role: config.role_look(role) for role in roles}}

    def text(self, config: "Config") -> str:
        """What it shows."""
        return TEXTS[self.drawing]
