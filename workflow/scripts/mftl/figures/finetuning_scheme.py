"""A drawing of fine-tuning in a mode: which parts of a model learn, and at which rate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mftl.config.base import Name, listed, mistake
from mftl.figures.base import Figure

if TYPE_CHECKING:
    from mftl.config.whole import Config


class FinetuningScheme(Figure):
    """A drawing of fine-tuning in a mode: which parts of a model learn, and at which rate."""

    kind: Literal["finetuning-scheme"] = Field(description="the kind of figure")
    mode: Name = Field("discriminative", description="a key of `modes`")
    architecture: str = Field("tiny", description="a key of `architectures`, which says how many layers there are")
    levels: list[str] = Field(
        ["DFT", "coupled cluster"], min_length=2, max_length=2, description="names of both levels"
    )

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Modes and architectures that are not there."""
        if config.mode(self.mode) is None:
            yield mistake(f"{path}.mode", self.mode, f"the modes: {listed(config.modes)}")
        if self.architecture not in config.architectures:
            yield mistake(
                f"{path}.architecture", self.architecture, f"the architectures: {listed(config.architectures)}"
            )

    def params(self, config: "Config") -> dict[str, Any]:
        """The rate of each part over that from scratch, from the configuration; what becomes of scale and shift."""
        settings, scratch = config.training_of(self.mode, True), config.training.learning_rate
        layers, readouts = config.architectures[self.architecture].num_interactions, settings.learning_rate / scratch
        below = {"embedding": layers + 1, **{f"layer {k}": layers + 1 - k for k in range(1, layers + 1)}, "readouts": 0}
        rates = {part: readouts * settings.layer_decay**depth for part, depth in below.items()}
        for part in rates:
            of_layer = {"interactions", "products"} if part.startswith("layer") else {part}
            if of_layer <= set(settings.frozen):
                rates[part] = 0.0
        roles = ("single-fidelity", "triple")
        return {
            "rates": rates,
            "rescale": settings.rescale,
            "learn": bool(settings.learning_rate_scale or settings.learning_rate_shift),
            "levels": self.levels,
            "colors": [config.role_look(role)["color"] for role in roles],
        }

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            "A drawing, not data. Pre-training above, fine-tuning below: the second training starts from every weight "
            f"of the parent; its rate is given over that from scratch, as the mode ``{self.mode}`` has it."
        )
