"""What `snakemake robustness` tests, how, and what passes."""

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Element, Fraction, Name, Section
from mftl.config.compositions import Composition


class Robustness(Section):
    """Tests of models beyond errors: what they forgot, dimers, relaxed random structures, hot simulations."""

    curves: list[Name] = Field(
        [], description="keys of `curves` whose models are tested, with all seeds (none: those of `export`)"
    )
    value: PositiveInt | None = Field(None, description="at which of their `values` (null: the largest of each)")
    model: Name | None = Field(
        None, description="a key of `foundation_models`, in place of curves: a model file of yours, as it is"
    )
    system: Name | None = Field(None, description="of a `model`: whose structures and elements it is tested on")
    parent: Name | None = Field(
        None, description="of a `model`: the key of `foundation_models` that it was fine-tuned from (null: not known)"
    )
    learned: str | None = Field(
        None,
        description="<system>.<level> whose test set says what is left of what the parent learned (null: that of the "
        "parent's last stage; of a model file it is not known)",
    )
    forgotten: PositiveFloat = Field(2.0, description="passes: errors there of at most so many times the parent's")
    elements: list[Element] = Field([], description="pairs of these are pulled apart (none: all of the system)")
    compositions: list[Composition] = Field(
        [], description="of random structures (none: X3Y3 of each pair of elements; of one element X2, X4 and X6)"
    )
    structures: PositiveInt = Field(20, description="random structures of each composition")
    periodic: bool | None = Field(
        None, description="whether these have cells (null: as the system's structures; mixed ones have none)"
    )
    holes: Fraction = Field(0.1, description="passes: at most this share of them is a hole")
    protocol: Name | None = Field(
        None, description="a key of `dynamics` for the hot simulation (null: one that the next keys describe)"
    )
    temperature: PositiveFloat = Field(1000.0, description="K")
    length: PositiveFloat = Field(5.0, description="ps")
    timestep: PositiveFloat = Field(0.5, description="fs")
    replicas: PositiveInt = Field(20, description="simulations with each model")
    closest: PositiveFloat = Field(0.6, description="closer atoms (Å) are an overlap; in metals rather 2")
    bond_deviation: PositiveFloat = Field(0.5, description="a molecule's bond off by more (Å) is broken")
    stable: Fraction = Field(0.8, description="passes: at least this share of simulations is stable to the end")
