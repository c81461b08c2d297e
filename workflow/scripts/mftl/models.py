"""MACE models: building, reference energies, saving and loading.

A saved model is the pickled module that ``mace.calculators.MACECalculator`` loads; beside it, in the same
folder, lie the recipe and settings that made it (see ``training``).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from mftl import gpus
from mftl.config.training import Architecture
from mftl.graphs import collate, make_graph
from mftl.inputs import InputError
from mftl.mace_imports import ScaleShiftMACE, U_matrix_real, blocks, o3, wrapper_ops

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def fix_numerics() -> None:
    """Make runs on a CPU reproducible bit for bit, and resumable; let a GPU keep all digits of float32.

    TorchScript's profiling executor re-optimises a graph after its first calls, so that a resumed process, which
    starts counting anew, would round differently (seen: 5e-7) from one that ran through. Without it the older executor
    would compile fused kernels on a GPU. Some containers for GPUs ask torch for TF32, which has three digits.
    """
    torch._C._jit_set_profiling_executor(False)
    torch._C._jit_set_profiling_mode(False)
    torch._C._jit_override_can_fuse_on_gpu(False)
    torch._C._jit_override_can_fuse_on_cpu(False)
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def find_device(name: str) -> torch.device:
    """The device of the configuration's ``device``: cpu, cuda, or auto; of several GPUs one that is free.

    Raises InputError if there is no such GPU.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        built = torch.version.cuda or torch.version.hip
        why = (
            f"is built for GPUs ({built}): is there one, with a driver that is new enough?" if built else "is for CPUs"
        )
        raise InputError(
            f"device: got 'cuda', but torch sees no GPU here (torch {torch.__version__} {why}); "
            "valid: cpu, or auto to use a GPU where there is one"
        )
    name = ("cuda" if there else "cpu") if name == "auto" else name
    if name != "cuda" or (count := torch.cuda.device_count()) < 2:
        return torch.device(name)
    index = gpus.take(count)
    torch.cuda.set_device(index)
    return torch.device(name, index)


def build_model(
    architecture: Architecture,
    elements: list[str],
    avg_num_neighbors: float,
    scale: float,
    seed: int,
    dtype: torch.dtype,
) -> ScaleShiftMACE:
    """A MACE model with random weights.

    Parameters: ``elements`` chemical symbols; ``avg_num_neighbors`` mean number of neighbours of an atom within
    the cutoff; ``scale`` of the interaction energy, eV (the root mean square force component of the training
    set, as MACE does it). Reference energies are zero until ``set_reference_energies`` is called.
    """
    known = numbers(elements)
    hidden = "+".join(f"{architecture.channels}x{l}{'eo'[l % 2]}" for l in range(architecture.max_l + 1))
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(seed)
    try:
        return ScaleShiftMACE(
            r_max=architecture.cutoff,
            num_bessel=architecture.num_bessel,
            num_polynomial_cutoff=architecture.num_polynomial_cutoff,
            max_ell=architecture.max_ell,
            interaction_cls=blocks.RealAgnosticResidualInteractionBlock,
            interaction_cls_first=getattr(blocks, architecture.first_interaction),
            num_interactions=architecture.num_interactions,
            num_elements=len(known),
            hidden_irreps=o3.Irreps(hidden),
            MLP_irreps=o3.Irreps(f"{architecture.readout_channels}x0e"),
            gate=torch.nn.functional.silu,
            atomic_energies=np.zeros(len(known)),
            avg_num_neighbors=avg_num_neighbors,
            atomic_numbers=known,
            correlation=architecture.correlation,
            use_reduced_cg=False,  # with True the model would be another one where cuEquivariance is installed
            radial_MLP=architecture.radial_mlp,
            pair_repulsion=architecture.pair_repulsion,
            atomic_inter_scale=scale,
            atomic_inter_shift=0.0,
        )
    finally:
        torch.set_default_dtype(default)


def model_elements(model: torch.nn.Module) -> list[int]:
    """Atomic numbers a model knows, in the order of its one-hot encoding."""
    return [int(z) for z in model.atomic_numbers]


def model_dtype(model: torch.nn.Module) -> torch.dtype:
    """Floating-point type of a model's weights."""
    return next(model.parameters()).dtype


def composition(structures: Iterable[Atoms], elements: list[int]) -> np.ndarray:
    """Number of atoms of each element in each structure, shape (structures, elements)."""
    return np.array([[np.count_nonzero(atoms.numbers == z) for z in elements] for atoms in structures], dtype=float)


def fit_reference_energies(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Reference energy of each element (eV): least squares of ``energies`` (n,) on ``counts`` (n, elements).

    Compositions that do not determine all elements give the minimum-norm solution, not an error.
    """
    return np.linalg.lstsq(counts, energies, rcond=None)[0]


def reference_energies(model: torch.nn.Module) -> np.ndarray:
    """Reference energies of a model with one head, eV, shape (elements,), as float64; a copy."""
    return np.array(model.atomic_energies_fn.atomic_energies.detach().double().cpu()).reshape(-1)


def set_reference_energies(model: torch.nn.Module, energies: np.ndarray) -> None:
    """Set the reference energies (eV, shape (elements,)) and read them back.

    Raises RuntimeError if the model does not hold them afterwards: mace-torch's own fine-tuning silently keeps
    the parent's, which costs 10³ meV/atom and looks like negative transfer.
    """
    buffer = model.atomic_energies_fn.atomic_energies
    buffer.copy_(torch.as_tensor(energies).to(buffer).reshape(buffer.shape))
    held = reference_energies(model)
    if not np.allclose(held, energies, rtol=1e-6, atol=1e-6):
        raise RuntimeError(f"reference energies were set to {energies} but read back as {held}")


def rename_elements(model: torch.nn.Module, places: dict[str, str]) -> None:
    """Let new elements take the places of known ones: ``{"Ge": "Si"}`` makes of silicon's weights those of germanium.

    Energies and forces of a structure whose elements are renamed as well stay as they were.
    Raises InputError if the model does not know an old element, already knows a new one, or has other parts that depend
    on the elements.
    """
    if not places:
        return
    if hasattr(model, "pair_repulsion_fn") or hasattr(model.radial_embedding, "distance_transform"):
        raise InputError("elements cannot be renamed in a model whose pair repulsion or radial basis depends on them")
    known = model_elements(model)
    names = symbols(known)
    for new, old in places.items():
        if old not in names or new in names:
            wrong = f"does not know {old}" if old not in names else f"already knows {new}"
            raise InputError(f"{new} cannot take the place of {old}: the parent model, of {', '.join(names)}, {wrong}")
    for new, old in places.items():
        model.atomic_numbers[names.index(old)] = atomic_numbers[new]


def save_model(model: torch.nn.Module, path: str | Path) -> None:
    """Write a model as MACE does, whole or not at all.

    It is on the CPU meanwhile: of parts that are TorchScript, a file read elsewhere would ask for the same device.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    device = next(model.parameters()).device
    model.to("cpu")  # weights stay the objects that they are
    try:
        torch.save(model, temporary)
    finally:
        model.to(device)
    os.replace(temporary, path)


def load_model(
    path: str | Path, device: str | torch.device = "cpu", head: str | None = None, dtype: str | None = None
) -> torch.nn.Module:
    """Load a MACE model saved by this project or by mace-torch, on whatever device; of several heads, ``head`` alone.

    ``dtype``, float32 or float64, converts it. Pickles run code: load only files you trust.
    Raises InputError naming the file if it holds no MACE model with reference energies, or not that head.
    """
    try:
        with _scripts_on_cpu():
            model = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise InputError(f"{path} is not a model file that torch can read: {error}") from error
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "atomic_numbers"):
        raise InputError(f"{path} holds no MACE model but a {type(model).__name__}")
    if not hasattr(model, "scale_shift"):  # its output would lack the interaction energy
        raise InputError(f"{path} holds a {type(model).__name__}; only ScaleShiftMACE models can be used")
    if getattr(model, "use_reduced_cg", False):
        model.use_reduced_cg = not has_full_couplings(model)
    heads = getattr(model, "heads", None) or ["Default"]
    if (head is None and len(heads) > 1) or (head is not None and head not in heads):
        raise InputError(
            f"{path}: head {head!r} wanted, but the model has {', '.join(heads)}; "
            f"name one in the configuration, foundation_models: {{<name>: {{file: ..., head: {heads[-1]}}}}}"
        )
    if len(heads) > 1 and head is not None:
        model = select_head(model, head)
    return model.to(device, DTYPES[dtype] if dtype else None)


@contextmanager
def _scripts_on_cpu() -> Iterator[None]:
    """What e3nn keeps in a model's file as TorchScript is read to the CPU, not to where it was when it was written.

    e3nn calls ``torch.jit.load`` without ``map_location``, and torch.load's does not reach it.
    """
    original = torch.jit.load
    torch.jit.load = partial(original, map_location="cpu")
    try:
        yield
    finally:
        torch.jit.load = original


def has_full_couplings(model: torch.nn.Module) -> bool:
    """Whether products have e3nn's full set of couplings, not cuEquivariance's reduced one: the weights fit one alone.

    A model's own ``use_reduced_cg`` says what was asked for. It got the full set all the same where cuEquivariance was
    not installed, and is rebuilt with the other one where it is.
    """
    products = model.products[0].symmetric_contractions
    if not hasattr(products, "contractions"):  # cuEquivariance's own
        return not model.use_reduced_cg
    for contraction, (_, irrep) in zip(products.contractions, products.irreps_out, strict=True):
        own = contraction.U_tensors(contraction.correlation)
        full = U_matrix_real(
            irreps_in=contraction.coupling_irreps,
            irreps_out=o3.Irreps(str(irrep)),
            correlation=contraction.correlation,
            use_cueq_cg=False,
            dtype=own.dtype,
        )[-1]
        if full.shape != own.shape or not torch.allclose(full, own, atol=1e-5):
            return False
    return True


def select_head(model: torch.nn.Module, head: str) -> torch.nn.Module:
    """The model, which is on the CPU, with one of its heads alone, by mace-torch's own conversion.

    Raises RuntimeError if that predicts otherwise than the head did: the conversion drops unknown weights silently.
    Raises InputError if the model can be rebuilt only where cuEquivariance is installed.
    """
    from mace.tools.scripts_utils import remove_pt_head

    if getattr(model, "use_reduced_cg", False) and not wrapper_ops.CUET_AVAILABLE:
        raise InputError(
            f"head {head} cannot be taken out here: the model was made with cuEquivariance; "
            "pip install cuequivariance-torch"
        )
    default = torch.get_default_dtype()
    torch.set_default_dtype(model_dtype(model))
    try:
        single = remove_pt_head(model, head)
    finally:
        torch.set_default_dtype(default)
    batch = probe(model)
    there = model(batch | {"head": torch.tensor([model.heads.index(head)])})
    if told := difference(there, single(batch)):
        raise RuntimeError(f"head {head} alone predicts {told}")
    return single


def probe(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A batch of one structure, all elements of a model at random places, on which two forms of it can be compared."""
    known, device = model_elements(model), next(model.parameters()).device
    elements = known * -(-6 // len(known))  # of one element six atoms: one atom has no neighbour
    positions = np.random.default_rng(0).normal(scale=float(model.r_max) / 4, size=(len(elements), 3))
    return collate([make_graph(Atoms(elements, positions), known, float(model.r_max), model_dtype(model))], device)


def difference(there: dict[str, torch.Tensor], here: dict[str, torch.Tensor]) -> str | None:
    """How what a form of a model predicts differs from what another one did; None if it is the same but for rounding.

    A relative 10⁻⁴ of interaction energies and of the largest force is rounding.
    """
    forces, energies, others, found = (
        one[key].detach().double() for one in (there, here) for key in ("forces", "interaction_energy")
    )
    largest, off = float(forces.abs().max()), float((others - forces).abs().max())
    if not torch.allclose(found, energies, rtol=1e-4, atol=1e-4 * largest):
        return f"interaction energies of {found.tolist()} eV, not {energies.tolist()}"
    return (
        None
        if off <= 1e-4 * largest
        else f"forces that are off by {off:.2g} eV/Å, the largest of which is {largest:.2g}"
    )


def numbers(symbols: list[str]) -> list[int]:
    """Atomic numbers of chemical symbols, sorted: the order of a new model's one-hot encoding."""
    return sorted(atomic_numbers[s] for s in symbols)


def symbols(numbers: list[int]) -> list[str]:
    """Chemical symbols of atomic numbers."""
    return [chemical_symbols[z] for z in numbers]
