"""GPUs that a campaign may run on, for machines without one: assumed, not measured.

A step there takes as long as launching its kernels, whatever the structures, and then as long as computing takes if
the card is worth so many cores of the machine at hand. The numbers are chosen such that an A100 takes about what is
told of MACE's plain modules in float64: 40 to 45 ms for a step on 10 to 32 molecules, about 100 ms on 16 cells of
tungsten of 16 atoms with 128 channels of scalars and vectors (docs/cluster.md). Another card may take half or twice as
long.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A GPU: what launching the kernels of a training step takes, and the cores of this machine that it is worth."""

    launch: float  # s; of an evaluation half of it
    cores: dict[str, float]  # by floating-point type


CARDS = {
    "a100": Card(0.040, {"float32": 96, "float64": 64}),
    "h100": Card(0.025, {"float32": 160, "float64": 105}),
    "l40s": Card(0.030, {"float32": 96, "float64": 3}),
    "rtx4090": Card(0.025, {"float32": 96, "float64": 3}),
}
