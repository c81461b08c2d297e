"""Test, validation and training sets."""

from pydantic import Field, PositiveInt

from mftl.config.base import Name, Section


class Split(Section):
    """Test and validation sets, fixed once for the system and kept out of every level's training sets."""

    level: Name = Field(description="the level that test and validation structures must be labelled at")
    test: int = Field(ge=0, description="structures kept for testing; 0 if those of `test_only` are all")
    validation: int = Field(ge=0, description="structures kept for early stopping; 0: the system is only tested on")
    seed: int = Field(0, description="another seed draws another split")
    test_only: dict[str, list[str]] = Field(
        {},
        description="structures whose info key has one of these values, e.g. {kind: [vacancy]}, are neither validated "
        "nor trained on; those labelled at `level` are in the test set, on top of the `test` others",
    )
    stratify: str | None = Field(
        None,
        description="an info key, e.g. temperature: test, validation and training sets hold as many structures of each "
        "of its values as of others, as nearly as can be",
    )
    block: PositiveInt = Field(
        1, description="so many structures in a row of the pool (say, one molecule's) stay on one side of the split"
    )
