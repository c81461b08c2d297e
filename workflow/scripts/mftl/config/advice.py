"""What `snakemake advice` is to find out: a pilot of several ways to train, and what it is judged by."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Name, Section
from mftl.config.curves import FEWEST


class Advice(Section):
    """A pilot that says which labels to buy, how to train on them, what to expect and how sure that is."""

    system: Name = Field(description="whose structures are to be learned; its split is that of the expensive level")
    level: Name = Field(description="the expensive level")
    cheap: Literal["auto"] | list[Name] = Field(
        "auto",
        description="levels that may be worth pre-training on, keys of the system's `levels`; auto: what the installed "
        "engines offer for its elements",
    )
    foundation: Name | None = Field(None, description="a key of `foundation_models` to start from as well (null: none)")
    delta: bool = Field(True, description="try Δ-learning on each cheap level, which then is needed in every use")
    sizes: list[PositiveInt] = Field(
        [25, 50, 100], min_length=FEWEST, description="expensive labels that the pilot trains on"
    )
    pretraining: PositiveInt = Field(1000, description="cheap labels to pre-train on, or as many as there are")
    epochs: PositiveInt = Field(20, description="of pre-training")
    architecture: str = Field("tiny", description="a key of `architectures`")
    larger: str | None = Field(
        None,
        description="a larger architecture to try on the same labels (null: one with twice the channels)",
    )
    quantity: Literal["energy", "forces"] | None = Field(
        None, description="by whose error ways are compared (null: forces, where the labels have them)"
    )
    error: Literal["rmse", "mae"] = Field("rmse", description="which error")
    wanted: dict[Literal["energy", "forces"], PositiveFloat] = Field(
        {}, description="errors that would do, in meV/atom and meV/Å: how many labels does that take?"
    )
    budget: PositiveFloat | None = Field(None, description="CPU hours there are for labels and training (null: any)")
    next: int = Field(100, ge=0, description="structures to choose for the next labels, or as many as are left")
