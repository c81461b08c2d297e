"""The configuration: one pydantic model for each section, from which the JSON schema and the commented defaults come.

Imports neither torch nor ASE: the Snakefile reads the configuration on every call.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PositiveFloat, PositiveInt, Tag, ValidationError

from mftl import downloads
from mftl import recipe as recipes
from mftl.inputs import InputError

Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
Name = Annotated[str, Field(pattern=rf"^{recipes.NAME}$")]
FigureName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*(/[A-Za-z][A-Za-z0-9_-]*)?$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
DatasetName = Literal[*downloads.DATASETS]


class Section(BaseModel):
    """A section of the configuration: unknown keys and ill-typed values are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# --- systems -----------------------------------------------------------------------------------------------------


class FilePool(Section):
    """A pool read from a file."""

    file: str = Field(
        description="any file of structures that ASE reads; extended XYZ, perhaps .xz, with an `id` for each is best"
    )
    count: PositiveInt | None = Field(None, description="draw so many at random (null: all, in the file's order)")
    seed: int = Field(0, description="another seed draws others")


class NormalModePool(Section):
    """A pool of molecules sampled along their normal modes, as QM7-X was, plus explicit close contacts."""

    generator: Literal["normal-modes"] = Field(description="the name of the generator")
    molecules: dict[str, str] = Field(description="name and SMILES of each molecule")
    per_molecule: PositiveInt = Field(100, description="configurations of each molecule")
    slots: list[PositiveInt | Literal["contact"]] = Field(
        [300], description="temperatures in K, or `contact` for a close contact, taken in turn"
    )
    seed: list[int] = Field([0], description="seeds of the random numbers; the molecule's position is appended")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        names = list(self.molecules) * self.per_molecule
        return {
            "id": [f"{name}-{k // len(self.molecules):04d}" for k, name in enumerate(names)],
            "molecule": names,
        }


class CrystalPool(Section):
    """A pool of small distorted cells of an element with a bcc ground state, and a few larger ones."""

    generator: Literal["crystals"] = Field(description="the name of the generator")
    name: Name = Field(description="what the ids begin with")
    element: Element = Field(description="chemical symbol")
    lattice_constant: PositiveFloat = Field(description="of bcc, Å; other lattices follow by ratios")
    structures: PositiveInt = Field(100, description="small cells, of the `kinds` in turn")
    kinds: list[Literal["rattled", "strained", "slab", "lattice"]] = Field(
        ["rattled", "strained", "slab", "lattice"],
        min_length=1,
        description="bcc with displaced atoms, strained bcc, a slab of 2 or 3 layers, or fcc, hcp or sc",
    )
    larger: dict[Literal["vacancy", "slab6"], PositiveInt] = Field(
        {}, description="how many larger cells come last: bcc of 15 atoms with a vacancy, slabs of 6 layers"
    )
    closest: PositiveFloat = Field(2.0, description="cells with two atoms closer than this (Å) are drawn again")
    seed: list[int] = Field([0], description="seeds of the random numbers")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        kinds = [self.kinds[k % len(self.kinds)] for k in range(self.structures)]
        larger = [(f"{self.name}-{kind}-{k}", kind) for kind, count in self.larger.items() for k in range(count)]
        return {
            "id": [f"{self.name}-{k:04d}" for k in range(self.structures)] + [one for one, _ in larger],
            "kind": kinds + [kind for _, kind in larger],
        }


class SimpleCrystalPool(Section):
    """A pool of perfect crystals at several volumes, as a database of equilibrium structures holds them."""

    generator: Literal["simple-crystals"] = Field(description="the name of the generator")
    element: Element = Field(description="chemical symbol")
    lattice_constant: PositiveFloat = Field(description="of bcc, Å; other lattices follow by ratios")
    lattices: list[Literal["bcc", "fcc", "hcp", "sc", "a15"]] = Field(
        ["bcc", "fcc", "hcp", "sc", "a15"], min_length=1, description="one crystal of each at each volume"
    )
    volumes: list[PositiveFloat] = Field([1.0], min_length=1, description="relative volumes")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        pairs = [(lattice, volume) for volume in self.volumes for lattice in self.lattices]
        return {
            "id": [f"{lattice}-{round(100 * volume):03d}" for lattice, volume in pairs],
            "kind": [lattice for lattice, _ in pairs],
        }


class StillingerWeberParameters(Section):
    """The potential of Stillinger and Weber for one element."""

    epsilon: PositiveFloat = Field(description="depth of a bond, eV; half the cohesive energy of diamond")
    sigma: PositiveFloat = Field(description="Å; a bond of diamond is 2^(1/6) of it")
    three_body: PositiveFloat = Field(description="λ, weight of the three-body term")
    A: PositiveFloat = Field(7.049556277, description="A of the two-body term")
    B: PositiveFloat = Field(0.6022245584, description="B of the two-body term")
    a: PositiveFloat = Field(1.8, description="cutoff over sigma")
    gamma: PositiveFloat = Field(1.2, description="γ, range of the three-body term over sigma")


# Si: Stillinger and Weber, Phys. Rev. B 31, 5262 (1985); Ge: Ding and Andersen, Phys. Rev. B 34, 6987 (1986)
STILLINGER_WEBER = {
    "Si": StillingerWeberParameters(epsilon=2.1683, sigma=2.0951, three_body=21.0),
    "Ge": StillingerWeberParameters(epsilon=1.93, sigma=2.181, three_body=31.0),
}


class DynamicsPool(Section):
    """Snapshots of molecular dynamics of an element in the diamond structure, or molten, at several temperatures.

    Each temperature: from the crystal at constant pressure, then at the mean volume of the second half, from which the
    snapshots are.
    """

    generator: Literal["stillinger-weber-md"] = Field(description="the name of the generator")
    name: Name = Field(description="what the ids begin with")
    element: Element = Field(description="chemical symbol, one of `parameters`")
    lattice_constant: PositiveFloat = Field(description="of diamond, Å; where each simulation starts")
    repeat: PositiveInt = Field(2, description="cubic cells of eight atoms along each axis")
    temperatures: list[PositiveInt] = Field(min_length=1, description="K, one simulation for each")
    equilibration: PositiveFloat = Field(description="ps at constant pressure (zero) and temperature, not sampled")
    discard: float = Field(0.0, ge=0, description="ps at constant volume and temperature, not sampled either")
    samples: PositiveInt = Field(description="snapshots of each temperature")
    interval: PositiveFloat = Field(1.0, description="ps between two snapshots")
    time_step: PositiveFloat = Field(1.0, description="fs")
    parameters: dict[Element, StillingerWeberParameters] = Field(
        STILLINGER_WEBER, description="of the potential, as of the level; other values replace all of them"
    )
    seed: list[int] = Field([0], description="seeds of the velocities; the temperature is appended")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        pairs = [(k, temperature) for k in range(self.samples) for temperature in self.temperatures]
        return {
            "id": [self.id_of(temperature, k) for k, temperature in pairs],
            "temperature": [str(temperature) for _, temperature in pairs],
        }

    def id_of(self, temperature: int, k: int) -> str:
        """Id of the k-th snapshot at a temperature."""
        return f"{self.name}-{temperature}K-{k:04d}"


class DatasetPool(Section):
    """A random sample of a published data set, downloaded and checked."""

    dataset: DatasetName = Field(description="its name; docs/datasets.md describes each")
    count: PositiveInt | None = Field(None, description="structures drawn (null: all); fewer are a part of more")
    seed: int = Field(0, description="another seed draws others")
    without: dict[str, list[str]] = Field(
        {}, description="leave out structures whose info key has one of these values, e.g. {group: [Surface]}"
    )


Pool = Annotated[
    Annotated[FilePool, Tag("file")]
    | Annotated[NormalModePool, Tag("normal-modes")]
    | Annotated[CrystalPool, Tag("crystals")]
    | Annotated[SimpleCrystalPool, Tag("simple-crystals")]
    | Annotated[DynamicsPool, Tag("stillinger-weber-md")]
    | Annotated[DatasetPool, Tag("dataset")],
    Discriminator(
        lambda value: _as_dict(value).get("generator", "dataset" if "dataset" in _as_dict(value) else "file")
    ),
]


class Level(Section):
    """What every level has, wherever its labels come from."""

    first: PositiveInt | None = Field(None, description="label only the first so many structures (after `only`)")
    only: dict[str, list[str]] = Field(
        {}, description="label only structures whose info key has one of these values, e.g. {molecule: [water]}"
    )
    also: dict[str, list[str]] = Field(
        {}, description="label these too, whatever `first` and `only` leave out, e.g. {kind: [vacancy]}"
    )


class FileLevel(Level):
    """Labels that come with the data."""

    file: str = Field(description="extended XYZ with the pool's ids, energies and forces")
    failures: str | None = Field(None, description="table of the ids without a label and why: id, reason")
    energy_key: str = Field("REF_energy", description="info key of the energy in eV")
    forces_key: str = Field("REF_forces", description="array key of the forces in eV/Å")


class DatasetLevel(Level):
    """Labels that come with the published data set from which the pool is."""

    dataset: DatasetName = Field(description="the same as the pool's")


class EngineLevel(Level):
    """What every level has whose labels are computed."""

    chunk_size: PositiveInt | None = Field(None, description="structures of one job, if not labels.chunk_size")


class TbliteLevel(EngineLevel):
    """GFN1-xTB or GFN2-xTB labels with tblite; molecules only."""

    engine: Literal["tblite"] = Field(description="the name of the engine")
    method: Literal["GFN1-xTB", "GFN2-xTB"] = Field("GFN2-xTB", description="the Hamiltonian")


class DftbLevel(EngineLevel):
    """DFTB labels with DFTB+: Mermin energy, its forces and, for crystals, stress; molecules and crystals."""

    engine: Literal["dftb+"] = Field(description="the name of the engine")
    interface: Literal["auto", "library", "program"] = Field(
        "auto", description="libdftbplus in worker processes, a process dftb+ for each structure, or what is found"
    )
    command: str = Field("dftb+", description="the program: a name on PATH or a path")
    library: str | None = Field(
        None, description="path of libdftbplus.so, if it is neither beside the program nor in the active environment"
    )
    slater_koster: str = Field("resources/ptbp", description="folder of the Slater-Koster tables, A-B.skf")
    max_angular_momentum: dict[Element, Literal["s", "p", "d", "f"]] = Field(
        {}, description="highest shell of elements, e.g. {Fe: d}; known: H s, C N O p, S Cl Si Ge W d"
    )
    temperature: PositiveFloat = Field(300.0, description="electronic temperature of the Fermi filling, K")
    k_point_spacing: PositiveFloat = Field(
        0.03, description="of crystals: largest distance of k-points, 1/Å without 2π; one k-point across vacuum"
    )
    scc_tolerance: PositiveFloat = Field(1e-6, description="convergence of the charges, e")
    max_scc_iterations: PositiveInt = Field(300, description="more than these count as a failure")
    shell_resolved_scc: bool = Field(True, description="one charge for each shell; PTBP energies depend on it")


class PyscfDftLevel(EngineLevel):
    """DFT labels with PySCF (restricted Kohn-Sham, density fitting, gradients with grid response)."""

    engine: Literal["pyscf-dft"] = Field(description="the name of the engine")
    functional: str = Field("pbe0", description="PySCF's name of the functional")
    basis: str = Field("def2-tzvp", description="PySCF's name of the basis set")
    dispersion: str | None = Field(None, description="d3bj or d4, if the functional's name does not hold it")


class PyscfCcsdtLevel(EngineLevel):
    """CCSD(T) labels with PySCF, frozen core, analytic gradients with the (T) lambda amplitudes."""

    engine: Literal["pyscf-ccsd(t)"] = Field(description="the name of the engine")
    basis: str = Field("cc-pvdz", description="PySCF's name of the basis set")


class GpawLevel(EngineLevel):
    """DFT labels with GPAW in plane waves: free energy, its forces and stress; crystals only, spins paired."""

    engine: Literal["gpaw"] = Field(description="the name of the engine")
    functional: str = Field("PBE", description="GPAW's name of the functional")
    cutoff: PositiveFloat = Field(400.0, description="kinetic energy of the plane waves, eV")
    k_point_density: PositiveFloat = Field(4.0, description="k-points per 1/Å (with 2π) along each axis, Γ-centred")
    smearing: PositiveFloat = Field(0.1, description="width of the Fermi-Dirac occupations, eV")
    energy_tolerance: PositiveFloat = Field(1e-5, description="convergence of the energy, eV per valence electron")
    density_tolerance: PositiveFloat = Field(1e-4, description="convergence of the density, electrons per valence one")
    max_scf_iterations: PositiveInt = Field(200, description="more than these count as a failure")


class StillingerWeberLevel(EngineLevel):
    """The classical potential of Stillinger and Weber, with LAMMPS; crystals and liquids of one element."""

    engine: Literal["stillinger-weber"] = Field(description="the name of the engine")
    parameters: dict[Element, StillingerWeberParameters] = Field(
        STILLINGER_WEBER, description="of each element; other values replace all of them"
    )


AnyLevel = Annotated[
    Annotated[FileLevel, Tag("file")]
    | Annotated[DatasetLevel, Tag("dataset")]
    | Annotated[TbliteLevel, Tag("tblite")]
    | Annotated[DftbLevel, Tag("dftb+")]
    | Annotated[PyscfDftLevel, Tag("pyscf-dft")]
    | Annotated[PyscfCcsdtLevel, Tag("pyscf-ccsd(t)")]
    | Annotated[GpawLevel, Tag("gpaw")]
    | Annotated[StillingerWeberLevel, Tag("stillinger-weber")],
    Discriminator(lambda value: _as_dict(value).get("engine", "dataset" if "dataset" in _as_dict(value) else "file")),
]


class Split(Section):
    """Test and validation sets, fixed once for the system and kept out of every level's training sets."""

    level: Name = Field(description="the level that test and validation structures must be labelled at")
    test: int = Field(ge=0, description="structures kept for testing; 0 if those of `test_only` are all")
    validation: PositiveInt = Field(description="structures kept for early stopping")
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


class System(Section):
    """A pool of structures from one region of configuration space, with its labels."""

    elements: list[Element] = Field(min_length=1, description="elements that a model started on this system knows")
    pool: Pool = Field(description="where the structures come from")
    levels: dict[Name, AnyLevel] = Field(description="levels of theory that label the pool")
    split: Split | None = Field(None, description="test and validation sets; needed to train on the system")


class Downloads(Section):
    """Where downloaded data sets and models lie."""

    folder: str = Field(
        "results/downloads", description="kept whatever happens to other results; files may be placed there by hand"
    )
    checksums: dict[Literal[*downloads.FILES], Annotated[str, Field(pattern=r"^(md5|sha1|sha256):[0-9a-f]+$")]] = Field(
        {}, description="of single files, where the table has none or another one, e.g. {tungsten-gap2014: sha256:…}"
    )


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


# --- models and training -----------------------------------------------------------------------------------------


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
    energy_weight: float = Field(10.0, ge=0, description="weight of the energy errors, (eV/atom)², in the loss")
    forces_weight: float = Field(
        10.0, ge=0, description="weight of the force errors, (eV/Å)², in the loss; 0: no forces"
    )
    huber_delta: PositiveFloat | None = Field(
        None, description="errors beyond this count linearly, not squared, in eV/atom and eV/Å (null: all squared)"
    )
    ema_decay: Fraction = Field(0.99, description="of the moving average of the weights, which is the model")
    weight_decay: float = Field(5e-7, ge=0, description="of the optimiser (Adam, AMSGrad)")
    clip_gradient: PositiveFloat | None = Field(10.0, description="largest norm of the gradient")
    dtype: Literal["float32", "float64"] = Field("float32", description="of a model trained from random weights")
    accelerate: Literal["none", "cuequivariance"] = Field("none", description="kernels for training on a GPU")
    frozen: list[Literal["embedding", "interactions", "products", "readouts"]] = Field(
        [], max_length=3, description="parts of the parent model that stay as they are"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="learning rate of a layer over that of the layer above it; the readouts have all"
    )
    rescale: bool = Field(False, description="scale as for a model from random weights, not the parent's")

    @property
    def needs_parent(self) -> bool:
        """Whether it makes sense for a stage with a parent model alone."""
        return bool(self.frozen) or self.layer_decay != 1 or self.rescale


class Replay(Section):
    """Data of the parent model that a second head goes on learning, to keep the first from forgetting."""

    system: Name | None = Field(None, description="its system, if not that of the parent's last stage")
    level: Annotated[str, Field(pattern=rf"^{recipes.LEVEL}$")] | None = Field(
        None, description="its level, if not that of the parent's last stage"
    )
    structures: PositiveInt | None = Field(
        None, description="how many at most (null: as many as the parent was trained on, or all)"
    )
    weight: PositiveFloat = Field(1.0, description="weight of its loss")


class FoundationModel(Section):
    """A model file that recipes may start from."""

    file: str = Field(description="a model that mace-torch saved")
    head: str | None = Field(None, description="which head, of a model with several")


class FoundationDownload(Section):
    """A foundation model that is downloaded."""

    download: Literal[*downloads.MODELS] = Field(description="its name; docs/datasets.md lists them")
    head: str | None = Field(None, description="which head, of a model with several")

    @property
    def file(self) -> str:
        """Where a copy of what was downloaded lies."""
        return f"results/foundation_models/{self.download}.model"


AnyFoundationModel = Annotated[
    Annotated[str, Tag("path")]
    | Annotated[FoundationModel, Tag("described")]
    | Annotated[FoundationDownload, Tag("download")],
    Discriminator(
        lambda value: "path" if isinstance(value, str) else "download" if "download" in _as_dict(value) else "described"
    ),
]


class Mode(Section):
    """A named way to train: values that replace those of `training`, perhaps with data of the parent in every step."""

    training: dict[str, Any] = Field({}, description="any keys of the section `training`")
    elements: dict[Element, Element] = Field(
        {},
        description="new elements that take the places of the parent's: {Ge: Si} makes of all that was learned of Si "
        "the start for Ge",
    )
    resample: bool = Field(
        False, description="each seed is trained on other structures of the training set, not only from other weights"
    )
    replay: Replay | None = Field(
        None,
        description="multi-head fine-tuning: data of the parent model for a second head; {} for what it learned last",
    )


# --- dynamics ----------------------------------------------------------------------------------------------------


class Crystal(Section):
    """A perfect crystal."""

    lattice: Literal["diamond", "fcc", "bcc", "sc", "hcp"] = Field(description="its conventional cell is built")
    element: Element = Field(description="chemical symbol")
    lattice_constant: PositiveFloat = Field(description="Å")


class Starts(Section):
    """What simulations start from: structures of a system, or a crystal."""

    system: Name | None = Field(None, description="a key of `systems`; null: a crystal")
    set: Literal["test", "training", "all"] = Field("test", description="which of the system's structures")
    only: dict[str, list[str]] = Field(
        {},
        description="only structures whose info key has one of these values, e.g. {sampling: [T600]}, or {id: [...]}",
    )
    structures: PositiveInt = Field(1, description="the first so many; replicas start from them in turn")
    crystal: Crystal | None = Field(None, description="a perfect crystal instead")
    repeat: list[PositiveInt] = Field(
        [1, 1, 1], min_length=3, max_length=3, description="so many cells along each cell vector"
    )


class Protocol(Section):
    """How simulations are run, and when one counts as failed."""

    starts: Starts = Field(description="what they start from")
    ensemble: Literal["nvt", "nve"] = Field("nvt", description="Langevin dynamics (BAOAB), or constant energy")
    temperature: PositiveFloat = Field(description="of the thermostat and of the initial velocities, K")
    friction: PositiveFloat = Field(1.0, description="of the thermostat, 1/ps")
    timestep: PositiveFloat = Field(0.5, description="fs")
    length: PositiveFloat = Field(description="ps")
    replicas: PositiveInt = Field(20, description="simulations with each model, all in one batch")
    seed: int = Field(0, description="of velocities and noise, besides the model's seed and the replica's number")
    frame_every: PositiveFloat = Field(0.1, description="ps between two frames of the trajectory")
    velocities: bool = Field(False, description="keep velocities in the trajectory, too (as momenta)")
    closest: PositiveFloat = Field(description="two atoms closer than this (Å) are an overlap")
    overlaps: Literal["steps", "frames"] = Field(
        "steps", description="look for overlaps in every step, or in frames of the trajectory alone, as an RDF does"
    )
    bond_deviation: PositiveFloat | None = Field(
        None, description="a bond is broken if its length is off by more than this (Å); null: no bond must hold"
    )
    max_temperature: PositiveFloat = Field(1e4, description="a simulation that becomes hotter than this (K) is stopped")


# --- curves and figures ------------------------------------------------------------------------------------------


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


class FigureSection(Section):
    """What figures of every kind have."""

    title: str = Field("", description="heading of the figure")
    note: str = Field("", description="sentences for the caption in the report, such as what a paper found")
    category: str = Field(
        "Cui, Reuter, Margraf: multi-fidelity transfer learning", description="where the report lists the figure"
    )


class AverageErrors(FigureSection):
    """What figures have that draw errors averaged over the test set."""

    error: Literal["rmse", "mae"] | None = Field(None, description="which error is drawn (null: that of `plot`)")


class LearningCurves(AverageErrors):
    """Error on the test set against the number of training structures."""

    kind: Literal["learning-curves"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, in the order of the legend")
    only: dict[str, list[str]] = Field(
        {},
        description="errors on those test structures alone whose info key has one of these values, e.g. "
        "{temperature: ['300', '400']}",
    )


class Reference(Section):
    """One point of a curve, drawn as a horizontal line."""

    curve: str = Field(description="a key of `curves`")
    value: PositiveInt = Field(description="one of its `values`")
    label: str = Field(description="name in the legend")


class Epochs(AverageErrors):
    """Error against the epochs of a stage, such as a pre-training."""

    kind: Literal["epochs"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves` whose epochs are open")
    references: list[Reference] = Field([], description="horizontal lines, such as the error without pre-training")


class Parity(FigureSection):
    """What figures have that compare one model and one level of theory with another level, structure by structure."""

    system: Name = Field(description="the system whose structures are compared: all that have both labels")
    reference: Name = Field(description="the level compared with")
    level: Name = Field(description="the level compared")
    level_label: str = Field(description="its name in the figure")
    model: str = Field(description="the model compared: a key of `foundation_models`, or a recipe, as in curves")
    model_label: str = Field(description="its name in the figure")
    architecture: str = Field("tiny", description="a key of `architectures`, of a recipe")
    seed: PositiveInt = Field(1, description="of a recipe")
    role: Name = Field("foundation", description="the model's colour: a key of `plot.colors` or a built-in role")


class Comparison(Parity):
    """Relative energies and forces of a model and a level against another level, and the model's worst structures."""

    kind: Literal["comparison"] = Field(description="the kind of figure")
    histogram: bool = Field(True, description="draw a histogram of the force errors")
    worst: int = Field(4, ge=0, le=8, description="structures drawn that the model describes worst")


class ForceParity(Parity):
    """Force components of a model and a level against another level."""

    kind: Literal["force-parity"] = Field(description="the kind of figure")


class LowLevels(AverageErrors):
    """Learning curves after pre-training at several levels, and their errors against the error of the level itself."""

    kind: Literal["low-levels"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`; the level is that of the first stage")
    values: list[PositiveInt] = Field(
        min_length=1, max_length=2, description="training sizes whose errors are drawn against the level's error"
    )


class BoxPlots(FigureSection):
    """Boxes of the errors of single test structures, for groups of them such as temperatures."""

    kind: Literal["box-plots"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, max_length=3, description="keys of `curves`, in the order of the legend")
    value: PositiveInt = Field(description="the one value of their open number")
    key: str = Field(description="the info key of the test structures that makes the groups, e.g. temperature")
    groups: list[str] = Field([], description="its values, in the order drawn ([]: all there are)")
    label: str = Field(description="name of the key in the figure, with its unit")
    quantity: Literal["energy", "forces"] = Field("forces", description="whose mean absolute error in each structure")


class Scheme(FigureSection):
    """A drawing of transfer: between levels and in configuration space, or between elements."""

    kind: Literal["scheme"] = Field(description="the kind of figure")
    drawing: Literal["levels", "elements"] = Field("levels", description="transfer between what")


class Simulated(Section):
    """Curves whose models are run under a protocol."""

    protocol: Name = Field(description="a key of `dynamics`")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, in the order of the legend")
    values: list[PositiveInt] = Field([], description="which of the curves' `values` (none: all)")
    label: str = Field("", description="what is simulated, above the panel")


class Stability(FigureSection):
    """Which fraction of simulations is stable, and how long they last, against training size."""

    kind: Literal["stability"] = Field(description="the kind of figure")
    panels: list[Simulated] = Field(min_length=1, max_length=3, description="a column of panels for each")


class StabilityTable(FigureSection, Simulated):
    """A table of how many simulations are stable, a line for each curve, a column for each training size."""

    kind: Literal["stability-table"] = Field(description="the kind of figure")
    published: dict[str, list[int]] = Field(
        {}, description="what a paper found for a curve, at each of `values`, e.g. {germanium-single: [35, 46]}"
    )
    published_of: PositiveInt = Field(100, description="out of so many simulations there")


class Structure(FigureSection, Simulated):
    """Radial and angular distribution functions of stable simulations, a row of panels for each training size."""

    kind: Literal["structure"] = Field(description="the kind of figure")
    references: list[Reference] = Field([], description="models drawn as dashed lines in every row")
    skip: float = Field(0.0, ge=0, description="ps at the start of each simulation that are left out")
    r_max: PositiveFloat = Field(6.0, description="largest distance, Å")
    r_bins: PositiveInt = Field(120, description="bins of the radial distribution function")
    shell: PositiveFloat = Field(3.0, description="angles are those between neighbours closer than this, Å")
    angle_bins: PositiveInt = Field(90, description="bins of the angular distribution function")


class Phonons(FigureSection):
    """Phonon densities of states of a crystal, of all seeds of some models."""

    kind: Literal["phonons"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, a panel for each")
    value: PositiveInt = Field(description="one of their `values`")
    reference: Reference | None = Field(None, description="a model compared with")
    level: str | None = Field(None, description="<system>.<level> compared with; the level has an engine")
    level_label: str = Field("", description="its name in the legend")
    crystal: Crystal = Field(description="the crystal")
    supercell: PositiveInt = Field(2, description="conventional cells along each axis in which forces are computed")
    displacement: PositiveFloat = Field(0.01, description="of one atom at a time, Å")
    mesh: PositiveInt = Field(20, description="wave vectors along each axis")
    broadening: PositiveFloat = Field(0.1, description="of each frequency, THz")


Figure = Annotated[
    LearningCurves
    | Epochs
    | Comparison
    | ForceParity
    | LowLevels
    | BoxPlots
    | Scheme
    | Stability
    | StabilityTable
    | Structure
    | Phonons,
    Field(discriminator="kind"),
]
FIGURES = {
    "learning-curves": LearningCurves,
    "epochs": Epochs,
    "comparison": Comparison,
    "force-parity": ForceParity,
    "low-levels": LowLevels,
    "box-plots": BoxPlots,
    "scheme": Scheme,
    "stability": Stability,
    "stability-table": StabilityTable,
    "structure": Structure,
    "phonons": Phonons,
}

# colour, marker and line of each role. Colours: Paul Tol's bright and muted schemes, safe for the colour-blind
ROLES = {
    "single-fidelity": ("#4477aa", "o", "-"),
    "foundation": ("#ee6677", "s", "-"),
    "mftl": ("#228833", "D", "-"),
    "mftl-small": ("#88bb66", "v", "--"),
    "delta": ("#ccbb44", "^", "-"),
    "double": ("#66ccee", "P", "-"),
    "double-low": ("#888888", "X", "--"),
    "triple": ("#aa3377", "*", "-"),
    "transfer": ("#009988", "D", "-"),
    "multihead": ("#ee7733", "h", "-"),
    "level": ("#555555", "o", "-"),
    "gfn1-xtb": ("#44aa99", "<", "-"),
    "gfn2-xtb": ("#332288", ">", "-"),
}
OTHERS = [("#882255", "o", ":"), ("#117733", "s", ":"), ("#999933", "D", ":"), ("#88ccee", "v", ":"),
          ("#cc6677", "^", ":"), ("#555555", "P", ":")]  # of curves without a role, in turn  # fmt: skip


class Plot(Section):
    """How figures look; no computation depends on it."""

    width: PositiveFloat = Field(7.0, description="inches: two columns of a page")
    height: PositiveFloat = Field(3.2, description="inches, of one row of panels")
    font_size: float = Field(9.0, ge=8, description="points; small print is one point smaller")
    dpi: PositiveInt = Field(200, description="of the PNG")
    error: Literal["rmse", "mae"] = Field("rmse", description="which error is drawn; the table holds both")
    colors: dict[Name, Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]] = Field(
        {}, description=f"of roles, instead of the built-in ones or besides them: {', '.join(ROLES)}"
    )


class Prediction(Section):
    """How models are evaluated."""

    batch_size: PositiveInt = Field(100, description="structures evaluated at once")
    test_structures: PositiveInt | None = Field(None, description="use only so many of the test set (null: all)")


class Config(Section):
    """The whole configuration."""

    scale: str = Field("built-in", description="name of this scale in tables and captions: built-in, paper, …")
    seeds: PositiveInt = Field(3, description="models trained for each point of a curve, seed-1 to seed-<seeds>")
    device: Literal["cpu", "cuda", "auto"] = Field("cpu", description="where models train and predict")
    data: str | None = Field(
        None, description="a folder that file names may begin with, as {data}/…: snakemake --config data=/folder"
    )
    downloads: Downloads = Field(Downloads(), description=Downloads.__doc__)
    systems: dict[Name, System] = Field(description="pools of structures and their levels of theory")
    labels: Labels = Field(Labels(), description=Labels.__doc__)
    verification: Verification = Field(Verification(), description=Verification.__doc__)
    architectures: dict[str, Architecture] = Field({"tiny": Architecture()}, description="MACE models by name")
    foundation_models: dict[Name, AnyFoundationModel] = Field(
        {},
        description="MACE models that recipes may start from: name: file, or name: {file: ..., head: ...}, or name: "
        "{download: its name}",
    )
    training: Training = Field(Training(), description=Training.__doc__)
    finetuning: dict[str, Any] = Field(
        {}, description="keys of `training` with other values for stages that have a parent model"
    )
    modes: dict[str, Mode] = Field({"default": Mode()}, description="named ways to train")
    snapshots: list[PositiveInt] = Field(
        [1, 2, 4, 8, 16, 32], min_length=1, description="epochs of a stage that `.ebest` in a recipe tries"
    )
    prediction: Prediction = Field(Prediction(), description=Prediction.__doc__)
    curves: dict[Name, Curve] = Field({}, description="recipes with one number left open")
    dynamics: dict[Name, Protocol] = Field({}, description="named protocols of molecular dynamics")
    figures: dict[FigureName, Figure] = Field(
        {}, description="figures: results/<name>.pdf; a name may have a folder, such as elements/fig2"
    )
    plot: Plot = Field(Plot(), description=Plot.__doc__)
    export: list[Name] = Field([], description="curves of which `snakemake export` writes the best model")

    def foundation(self, name: str) -> FoundationModel | FoundationDownload:
        """A foundation model's file and head."""
        given = self.foundation_models[name]
        return FoundationModel(file=given) if isinstance(given, str) else given

    def seeds_of(self, curve: str) -> list[int]:
        """Seeds of a curve: 1, 2, …; one of a foundation model as it is."""
        if not recipes.parse(self.curves[curve].recipe).stages:
            return [1]
        return list(range(1, (self.curves[curve].seeds or self.seeds) + 1))

    def recipes_of(self, curve: str) -> list[recipes.Recipe]:
        """Recipes of a curve, one for each value of its open number; a foundation model as it is has none."""
        open_recipe = recipes.parse(self.curves[curve].recipe)
        if not open_recipe.stages:
            return [open_recipe]
        return [open_recipe.at(value) for value in self.curves[curve].values]

    def target_of(self, curve: str) -> tuple[str, list[str]]:
        """System and level that a curve is tested against, and the level that is added to what a Δ model predicts."""
        recipe, test = recipes.parse(self.curves[curve].recipe), self.curves[curve].test
        low = recipe.last.levels[1:] if recipe.stages else ()
        system, level = test.split(".") if test else (recipe.last.system, recipe.last.levels[0])
        return system, [level, *low]

    def replay_of(self, recipe: recipes.Recipe) -> dict[str, Any] | None:
        """System, level, number of structures and weight of what a stage's second head learns; None if it has one."""
        replay = self.modes[recipe.last.mode].replay
        if replay is None:
            return None
        stages = recipe.parent.stages
        own = {"system": stages[-1].system, "level": stages[-1].level, "structures": stages[-1].size} if stages else {}
        chosen = replay.model_dump(exclude_none=True)
        if "system" in chosen or "level" in chosen:
            own.pop("structures", None)  # what the parent was trained on says nothing about other data
        elif stages and "structures" in chosen:
            chosen["structures"] = min(chosen["structures"], own["structures"])
        return {"structures": None} | own | chosen

    def training_of(self, mode: str, has_parent: bool) -> Training:
        """The section `training` with the values that fine-tuning and a mode replace."""
        values = self.training.model_dump() | (self.finetuning if has_parent else {}) | self.modes[mode].training
        return Training(**values)

    def snapshots_of(self, architecture: str, trained: recipes.Recipe) -> list[int]:
        """Epochs after which the curves ask for a snapshot of a training run; empty if none does."""
        return sorted(
            {r.last.epochs for r in self.models.get(architecture, set()) if r.last.epochs and r.trained == trained}
        )

    def wants_best(self, architecture: str, trained: recipes.Recipe) -> bool:
        """Whether a training run is to find its best model, not only snapshots."""
        return trained in self.models.get(architecture, set()) or not self.snapshots_of(architecture, trained)

    @cached_property
    def models(self) -> dict[str, set[recipes.Recipe]]:
        """Recipes of all models that curves and figures ask for, with their parents, for each architecture."""
        found: dict[str, set[recipes.Recipe]] = {}
        asked = [(curve.architecture, self.recipes_of(name)) for name, curve in self.curves.items()]
        asked += [
            (figure.architecture, [recipes.parse(figure.model)])
            for figure in self.figures.values()
            if isinstance(figure, Parity)
        ]
        for architecture, todo in asked:
            while todo:
                recipe = todo.pop()
                if recipe is None or not recipe.stages or recipe in found.get(architecture, ()):
                    continue
                found.setdefault(architecture, set()).add(recipe)
                todo += recipe.candidates(self.snapshots) if recipe.chooses else [recipe.parent]
        return found

    def low_level(self, curve: str) -> str | None:
        """The level that a curve's first stage is trained at, if it is another level of the system tested."""
        recipe = recipes.parse(self.curves[curve].recipe)
        if recipe.foundation:
            return None
        first = recipe.stages[0]
        if first.system != recipe.last.system or first.level == recipe.last.level:
            return None
        return first.level

    def look_of(self, curve: str) -> dict[str, str]:
        """Colour, marker and line of a curve, the same in every figure; ``role_look`` where it has a role."""
        role = self.curves[curve].role or curve
        if role in ROLES or role in self.plot.colors:
            return self.role_look(role)
        free = [one for one, c in self.curves.items() if not c.role and one not in ROLES | self.plot.colors]
        return dict(zip(("color", "marker", "linestyle"), OTHERS[free.index(curve) % len(OTHERS)], strict=True))

    def role_look(self, role: str) -> dict[str, str]:
        """Colour, marker and line of a role."""
        color, marker, line = ROLES.get(role, ("#555555", "o", "-"))
        return {"color": self.plot.colors.get(role, color), "marker": marker, "linestyle": line}


def parse(values: dict[str, Any]) -> Config:
    """Check a configuration as read from YAML, key by key; ``checks.load`` also checks it against the data.

    Raises InputError with one line for each mistake: the key's path, the value given, and what would be valid.
    """
    values = _with_data(values, values.get("data"))
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(_explain(values, error)) from None


def study(figure: str) -> str:
    """The study a figure belongs to: the folder of its name, "" for the first paper, whose figures lie in none."""
    return figure[: figure.rfind("/") + 1]


def _with_data(value: Any, folder: Any, path: str = "") -> Any:
    """The same values with ``{data}`` in texts replaced by the folder. Raises InputError if none is given."""
    if isinstance(value, dict):
        return {key: _with_data(one, folder, f"{path}.{key}" if path else str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_data(one, folder, f"{path}.{i}") for i, one in enumerate(value)]
    if not isinstance(value, str) or "{data}" not in value:
        return value
    if not isinstance(folder, str):
        line = mistake("data", folder, f"a folder, since {path} is {value}: snakemake --config data=/folder …")
        raise InputError(f"The configuration cannot be used:\n{line}")
    return value.replace("{data}", folder)


def mistake(path: str, value: Any, valid: str) -> str:
    """The line for one mistake: the key's path, the value given, and what would be valid."""
    return f"  {path}: got {value!r}; valid: {valid}"


def listed(names: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(names)


def _as_dict(value: Any) -> dict:
    if isinstance(value, BaseModel):
        return value.model_dump()
    return value if isinstance(value, dict) else {}


# of the unions, in pydantic's paths
TAGS = {"file", "dataset", "normal-modes", "crystals", "simple-crystals", "stillinger-weber-md", "tblite", "dftb+",
        "pyscf-dft", "pyscf-ccsd(t)", "gpaw", "stillinger-weber", "path", "described", "download"}  # fmt: skip


def _explain(values: dict, error: ValidationError) -> str:
    """One line for each of pydantic's errors."""
    lines = ["The configuration cannot be used:"]
    for e in error.errors():
        loc = e["loc"]
        keys = [key for i, key in enumerate(loc) if not _is_tag(loc, i)]
        if loc[0] == "figures" and e["type"].startswith("union_tag"):
            keys.append("kind")
        given = values
        for key in keys:
            try:
                given = given[key]
            except (KeyError, IndexError, TypeError):
                given = None
                break
        section = _section_at(keys[:-1], values)
        lines.append(mistake(".".join(map(str, keys)), given, valid(e, section)))
    return "\n".join(lines)


def _is_tag(loc: tuple, i: int) -> bool:
    """Whether an element of pydantic's path is the tag of a union, and so no key of the configuration."""
    if loc[0] == "figures":
        return i == 2
    if loc[i] not in TAGS or loc[0] not in ("systems", "foundation_models"):
        return False
    if loc[0] == "foundation_models":
        return i == 2
    return (i == 3 and loc[2] == "pool") or (i == 4 and loc[2] == "levels")


def _section_at(keys: list, values: dict) -> type[BaseModel] | None:
    """The section that a path of keys leads to, where that is unambiguous."""
    fixed = {
        (): Config,
        ("downloads",): Downloads,
        ("labels",): Labels,
        ("verification",): Verification,
        ("training",): Training,
        ("prediction",): Prediction,
        ("plot",): Plot,
    }  # fmt: skip
    named = {"systems": System, "architectures": Architecture, "curves": Curve, "modes": Mode,
             "foundation_models": FoundationModel, "dynamics": Protocol}  # fmt: skip
    if tuple(keys) in fixed:
        return fixed[tuple(keys)]
    if len(keys) == 2 and keys[0] == "figures":
        return FIGURES.get(values["figures"][keys[1]].get("kind"))
    if len(keys) == 2:
        return named.get(keys[0])
    if len(keys) == 3 and keys[0] == "modes":
        return Replay if keys[2] == "replay" else None
    if len(keys) == 3 and keys[0] == "dynamics":
        return Starts if keys[2] == "starts" else None
    return Split if len(keys) == 3 and keys[2] == "split" else None


def valid(error: dict, section: type[BaseModel] | None) -> str:
    """What would be valid, from one of pydantic's errors."""
    if error["type"] == "extra_forbidden":
        return f"no such key; known here: {listed(section.model_fields)}" if section else "no such key"
    if error["type"] in ("missing", "union_tag_not_found"):
        return "this key is required"
    if error["type"] == "union_tag_invalid" and "expected_tags" in error.get("ctx", {}):
        return f"one of {error['ctx']['expected_tags']}"
    message = error["msg"]
    key = error["loc"][-1]
    if section and key in section.model_fields and section.model_fields[key].description:
        message += f" ({section.model_fields[key].description})"
    return message
