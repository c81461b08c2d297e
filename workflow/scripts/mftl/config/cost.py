"""What `snakemake cost` counts."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import Section
from mftl.cost.cards import CARDS

if TYPE_CHECKING:
    Card = str
else:
    Card = Literal[*CARDS]


class Cost(Section):
    """What `snakemake cost` counts, and for which machine."""

    targets: list[str] = Field(
        [],
        description="files whose jobs are counted, such as results/fig4.pdf, or rules such as export (empty: all "
        "figures that can be made, and advice if it is asked for)",
    )
    card: Card | None = Field(
        None,
        description="a GPU of the table in mftl/cost/cards.py, for a machine that this one is not "
        "(null: measured here; where `device` is cuda and no GPU is here, a100)",
    )
    label_seconds: dict[Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$")], PositiveFloat] = Field(
        {}, description="CPU seconds of a label, by system and level, where you know better: {tungsten.pbe: 140}"
    )
