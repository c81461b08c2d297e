"""MACE models: building, reference energies, saving and loading.

A saved model is the pickled module that ``mace.calculators.MACECalculator`` loads; beside it, in the same
folder, lie the recipe and settings that made it (see ``training``).
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from mftl.config.training import Architecture
from mftl.graphs import collate, make_graph
from mftl.inputs import InputError
from mftl.mace_imports import ScaleShiftMACE, blocks, o3

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def fix_numerics() -> None:
    """Make CPU runs reproducible bit for bit, and resumable.

    TorchScript's profiling executor re-optimises a graph after its first calls, so that a resumed process, which
    starts counting anew, would round differently (seen: 5e-7) from one that ran through.
    """
    torch._C._jit_set_profiling_executor(False)
    torch._C._jit_set_profiling_mode(False)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def find_device(name: str) -> torch.device:
    """The device of the configuration's ``device``: cpu, cuda, or auto. Raises InputError if there is no such GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device: got 'cuda', but torch sees no GPU here; valid: cpu, or auto to use a GPU where there is one"
        )
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


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
            radial_MLP=architecture.radial_mlp,
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


def composition(structures: list[Atoms], elements: list[int]) -> np.ndarray:
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


def to_cuequivariance(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The same model with NVIDIA's cuEquivariance kernels. Raises InputError if these are not installed."""
    if importlib.util.find_spec("cuequivariance_torch") is None:
        raise InputError(
            "training.accelerate: got 'cuequivariance', which is not installed; "
            "pip install cuequivariance-torch, on a GPU also its cuequivariance-ops-torch-* package, or use 'none'"
        )
    from mace.cli.convert_e3nn_cueq import run

    return _converted(run, model, device)


def from_cuequivariance(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The plain model again, which needs no cuEquivariance to load."""
    from mace.cli.convert_cueq_e3nn import run

    return _converted(run, model, device)


def _converted(convert: Callable, model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    default = torch.get_default_dtype()  # mace's converters change it
    try:
        return convert(model, device=device.type).to(device)
    finally:
        torch.set_default_dtype(default)


def save_model(model: torch.nn.Module, path: str | Path) -> None:
    """Write a model as MACE does, whole or not at all."""
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    torch.save(model, temporary)
    os.replace(temporary, path)


def load_model(path: str | Path, device: str | torch.device = "cpu", head: str | None = None) -> torch.nn.Module:
    """Load a MACE model saved by this project or by mace-torch; of one with several heads, ``head`` alone.

    Pickles run code: load only files you trust.
    Raises InputError naming the file if it holds no MACE model with reference energies, or not that head.
    """
    try:
        model = torch.load(path, map_location=device, weights_only=False)
    except Exception as error:
        raise InputError(f"{path} is not a model file that torch can read: {error}") from error
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "atomic_numbers"):
        raise InputError(f"{path} holds no MACE model but a {type(model).__name__}")
    if not hasattr(model, "scale_shift"):  # its output would lack the interaction energy
        raise InputError(f"{path} holds a {type(model).__name__}; only ScaleShiftMACE models can be used")
    heads = getattr(model, "heads", None) or ["Default"]
    if (head is None and len(heads) > 1) or (head is not None and head not in heads):
        raise InputError(
            f"{path}: head {head!r} wanted, but the model has {', '.join(heads)}; "
            f"name one in the configuration, foundation_models: {{<name>: {{file: ..., head: {heads[-1]}}}}}"
        )
    return model if len(heads) == 1 or head is None else select_head(model, head)


def select_head(model: torch.nn.Module, head: str) -> torch.nn.Module:
    """The model with one of its heads alone, by mace-torch's own conversion.

    Raises RuntimeError if that predicts otherwise than the head did: the conversion drops unknown weights silently.
    """
    from mace.tools.scripts_utils import remove_pt_head

    dtype, device = model_dtype(model), next(model.parameters()).device
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        single = remove_pt_head(model, head).to(device)
    finally:
        torch.set_default_dtype(default)
    elements = model_elements(model)
    positions = np.random.default_rng(0).normal(scale=float(model.r_max) / 4, size=(len(elements), 3))
    batch = collate([make_graph(Atoms(elements, positions), elements, float(model.r_max), dtype)], device)
    there = model(batch | {"head": torch.tensor([model.heads.index(head)], device=device)}, compute_force=False)
    here = single(batch, compute_force=False)
    if not torch.allclose(here["interaction_energy"], there["interaction_energy"], rtol=1e-4):
        raise RuntimeError(
            f"head {head} alone predicts {here['interaction_energy']}, not {there['interaction_energy']}"
        )
    return single


def numbers(symbols: list[str]) -> list[int]:
    """Atomic numbers of chemical symbols, sorted: the order of a new model's one-hot encoding."""
    return sorted(atomic_numbers[s] for s in symbols)


def symbols(numbers: list[int]) -> list[str]:
    """Chemical symbols of atomic numbers."""
    return [chemical_symbols[z] for z in numbers]
