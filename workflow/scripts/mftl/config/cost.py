"""What `snakemake cost` counts."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from mftl.config.base import Section


class Cost(Section):
    """What `snakemake cost` counts, and for which machine."""

    targets: list[str] = Field(
        [], description="files whose jobs are counted, such as results/fig4.pdf (empty: all figures that can be made)"
    )
    card: str | None = Field(
        None,
        description="a GPU of the table in mftl/cost/cards.py, for a machine that this one is not: a100, h100, … "
        "(null: measured here; where `device` is cuda and no GPU is here, a100)",
    )
    label_seconds: dict[Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$")], PositiveFloat] = Field(
        {}, description="CPU seconds of a label, by system and level, where you know better: {tungsten.pbe: 140}"
    )
