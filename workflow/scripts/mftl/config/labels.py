"""How labels are computed and checked."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Fraction, Section


class Labels(Section):
    """How labels are computed and checked."""

    chunk_size: PositiveInt = Field(500, description="structures that one job labels")
    max_failed_fraction: Fraction = Field(0.05, description="a level with more failures stops the run")
    max_force: PositiveFloat = Field(100.0, description="a label with a larger force (eV/Å) counts as failed")
    workers: PositiveInt = Field(
        4, description="processes that label at the same time in one job, as far as cores allow"
    )
    timeout: PositiveFloat = Field(3600.0, description="seconds after which a structure counts as failed")
    retry_failed: int = Field(0, ge=0, description="raise by one to compute all failed structures once more")
    killed: Literal["stop", "fail"] = Field(
        "stop",
        description="what follows if workers are killed ten times at a structure (out of memory?): stop the job once "
        "all others are done, or count it as failed",
    )


class Verification(Section):
    """How much of the built-in data `snakemake verify_labels` computes again."""

    structures: PositiveInt = Field(10, description="drawn at random from each level")
    seed: int = Field(0, description="another seed draws others")
