"""Curves: recipes with one number left open."""

from pydantic import Field, PositiveInt

from mftl.config.base import Name, Section

FEWEST = 3  # values of a curve from which it may be continued


class Curve(Section):
    """A recipe with one number left open, trained with several seeds."""

    label: str = Field(description="name in the figures' legends")
    recipe: str = Field(description="stages chained by /, with one number left open: *")
    values: list[PositiveInt] = Field(
        [], description="values of the open number; none for a foundation model as it is, whose recipe is its name"
    )
    test: str | None = Field(
        None, description="<system>.<level> whose test set it is compared with, if not that of its last stage"
    )
    test_structures: PositiveInt | None = Field(
        None, description="use only the first so many of the test set, if not as many as prediction.test_structures"
    )
    architecture: str = Field("tiny", description="a key of `architectures`")
    seeds: PositiveInt | None = Field(None, description="number of seeds, if not the general one")
    role: Name | None = Field(
        None,
        description="what it looks like, the same in all figures: a key of `plot.colors` or a built-in role "
        "(default: the curve's own name, if that is one)",
    )


class Reference(Section):
    """One point of a curve, drawn as a horizontal line."""

    curve: str = Field(description="a key of `curves`")
    value: PositiveInt = Field(description="one of its `values`")
    label: str = Field(description="name in the legend")
