"""Which structures of a system are worth an expensive label: orders other than the hashed one."""

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Fraction, Name, Section

RuleName = Literal["clusters", "variance", "farthest", "low-level-error", "random"]
FeaturesName = Literal["gradient", "last-layer", "forces"]


class OrcaInputs(Section):
    """Inputs for ORCA, a folder for each molecule."""

    simple: str = Field("PBE0 D3BJ def2-TZVP TightSCF EnGrad", description="the simple input line, without !")
    blocks: str = Field("", description="blocks that follow it, e.g. '%pal nprocs 4 end'")
    charge: int = Field(0, description="of every molecule")
    multiplicity: PositiveInt = Field(1, description="2 S + 1 of every molecule")


class VaspInputs(Section):
    """INCAR, KPOINTS and POSCAR for VASP, a folder for each crystal; the POTCAR is yours to add."""

    incar: dict[str, Any] = Field(
        {"ENCUT": 520, "EDIFF": 1e-6, "ISMEAR": 1, "SIGMA": 0.1, "NSW": 0, "LWAVE": False, "LCHARG": False},
        description="tags and values of the INCAR",
    )
    k_point_density: PositiveFloat = Field(4.0, description="k-points per Å⁻¹ of a reciprocal vector, without 2π")


class PyscfInputs(Section):
    """A script for PySCF that labels all molecules, goes on where it was stopped, and needs ASE and PySCF alone."""

    functional: str = Field("pbe0", description="PySCF's name of the functional")
    basis: str = Field("def2-tzvp", description="PySCF's name of the basis set")
    dispersion: str | None = Field("d3bj", description="d3bj or d4, of pyscf-dispersion (null: none)")


class Inputs(Section):
    """What inputs are written with, by program."""

    orca: OrcaInputs = Field(OrcaInputs(), description=OrcaInputs.__doc__)
    vasp: VaspInputs = Field(VaspInputs(), description=VaspInputs.__doc__)
    pyscf: PyscfInputs = Field(PyscfInputs(), description=PyscfInputs.__doc__)


class Selection(Section):
    """An order of the training structures of a system: those that are labelled, a pilot, then the most telling ones."""

    system: Name = Field(description="whose training set is ordered")
    level: Name = Field(description="the level that labels are wanted at: what it has labelled is known already")
    model: str = Field(description="what looks at structures: a recipe without an open number, or a foundation model")
    architecture: str = Field("tiny", description="the recipe's architecture, a key of `architectures`")
    features: FeaturesName = Field(
        "gradient",
        description="what the model sees: the sketched gradient by all its weights (10 minutes for 10⁵ molecules), the "
        "last layer (1 minute) or the last layer with its force rows (15 minutes)",
    )
    dimension: PositiveInt = Field(512, description="numbers of a sketched gradient")
    rule: RuleName = Field(
        "clusters",
        description="largest cluster, maximum distance; posterior variance; farthest point; where a regression on what "
        "is chosen misses the level `low`; or at random",
    )
    low: Name | None = Field(None, description="the cheap level of `low-level-error`")
    structures: PositiveInt = Field(description="how many to choose, besides the pilot and what is labelled")
    pilot: PositiveInt = Field(
        25, description="so many in the hashed order come first: a rule needs something to begin with"
    )
    random: Fraction = Field(0.3, description="share of the chosen ones that is drawn at random")
    extremes: Fraction = Field(
        0.05,
        description="of this share of the structures, those with the largest predicted forces, no larger share is "
        "chosen (0 or 1: no cap)",
    )
    resample: bool = Field(
        False,
        description="in a rehearsal, each seed has a pilot of its own, the first structures of a mode with `resample`",
    )
    rehearsal: bool = Field(
        False, description="order as if the pilot alone were labelled, to compare rules on structures that all are"
    )
    inputs: Inputs = Field(Inputs(), description=Inputs.__doc__)
