"""Architectures, and how a stage is trained."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Fraction, Section

ACCELERATED_CORRELATIONS = (2, 3)  # that mace-torch's converters know


class Architecture(Section):
    """The architecture of a MACE model."""

    channels: PositiveInt = Field(16, description="channels of the node features")
    max_l: int = Field(0, ge=0, le=3, description="largest rotation order of the node features")
    cutoff: PositiveFloat = Field(4.0, description="radius of the neighbour list, Å")
    num_interactions: PositiveInt = Field(2, description="message-passing layers")
    correlation: PositiveInt = Field(2, description="body order of the product basis, less one")
    max_ell: int = Field(2, ge=0, description="largest order of the spherical harmonics of the edges")
    num_bessel: PositiveInt = Field(8, description="radial basis functions")
    num_polynomial_cutoff: PositiveInt = Field(5, description="smoothness of the cutoff")
    radial_mlp: list[PositiveInt] = Field([64, 64, 64], description="hidden layers of the radial network")
    readout_channels: PositiveInt = Field(16, description="hidden units of the last readout")
    first_interaction: Literal["RealAgnosticResidualInteractionBlock", "RealAgnosticInteractionBlock"] = Field(
        "RealAgnosticResidualInteractionBlock", description="MACE's block for the first layer"
    )
    pair_repulsion: bool = Field(
        False,
        description="a ZBL repulsion of pairs closer than the sum of their covalent radii, which is not learned; such "
        "models are computed by MACE's own modules",
    )


class Training(Section):
    """How one stage is trained."""

    epochs: PositiveInt = Field(60, description="passes over the training set, at most")
    min_steps: int = Field(0, ge=0, description="small training sets are passed more often, to take so many steps")
    patience: PositiveInt = Field(50, description="validations without improvement after which training stops")
    validation_steps: PositiveInt = Field(50, description="steps between two validations, rounded up to epochs")
    batch_size: PositiveInt = Field(10, description="structures of one step")
    learning_rate: PositiveFloat = Field(0.01, description="at the start")
    learning_rate_half_life: PositiveInt | None = Field(
        None, description="steps in which the learning rate halves; independent of the number of epochs"
    )
    learning_rate_final: float | None = Field(
        None,
        ge=0,
        description="what the learning rate falls to until the end of the planned epochs, by the same factor in each "
        "step, or linearly if it is 0: the same annealing for sets of all sizes; not for stages of which snapshots are "
        "taken",
    )
    learning_rate_fraction: PositiveFloat | None = Field(
        None, description="the learning rate over that of the section `training`, instead of `learning_rate`"
    )
    learning_rate_scale: PositiveFloat | None = Field(
        None, description="at which the scale of the interaction energies learns, a factor (null: it stays)"
    )
    learning_rate_shift: PositiveFloat | None = Field(
        None, description="at which the reference energies of the elements learn, in eV (null: they stay)"
    )
    energy_weight: float = Field(10.0, ge=0, description="weight of the energy errors, (eV/atom)², in the loss")
    forces_weight: float = Field(
        10.0,
        ge=0,
        description="weight of the force errors, (eV/Å)², in the loss; 0: no forces, as where labels have none",
    )
    stress_weight: float = Field(
        0.0, ge=0, description="weight of the stress errors, (eV/Å³)², in the loss, where all labels have a stress"
    )
    huber_delta: PositiveFloat | None = Field(
        None, description="errors beyond this count linearly, not squared, in eV/atom and eV/Å (null: all squared)"
    )
    ema_decay: Fraction = Field(0.99, description="of the moving average of the weights, which is the model")
    weight_decay: float = Field(5e-7, ge=0, description="of the optimiser (Adam, AMSGrad)")
    clip_gradient: PositiveFloat | None = Field(10.0, description="largest norm of the gradient")
    dtype: Literal["float32", "float64"] = Field("float32", description="of a model trained from random weights")
    parent_dtype: Literal["float32", "float64"] | None = Field(
        None, description="to which a parent model is converted (null: it keeps its own)"
    )
    accelerate: Literal["none", "cuequivariance"] = Field("none", description="kernels for training on a GPU")
    frozen: list[Literal["embedding", "interactions", "products", "readouts"]] = Field(
        [], max_length=3, description="parts of the parent model that stay as they are"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="learning rate of a layer over that of the layer above it; the readouts have all"
    )
    rescale: bool = Field(False, description="scale as for a model from random weights, not the parent's")

    def steps_per_epoch(self, structures: int) -> int:
        """Optimiser steps in one pass over a training set of so many structures."""
        return -(-structures // self.batch_size)

    def planned_epochs(self, structures: int) -> int:
        """Passes over a training set of so many structures, if patience stops none."""
        return max(self.epochs, -(-self.min_steps // self.steps_per_epoch(structures)))

    @property
    def needs_parent(self) -> bool:
        """Whether it makes sense for a stage with a parent model alone."""
        return bool(self.frozen) or self.layer_decay != 1 or self.rescale
