"""NVIDIA's cuEquivariance: a model is trained by its kernels, and written as the plain model that it was."""

import importlib.util
from collections.abc import Callable

import torch

from mftl.config.training import ACCELERATED_CORRELATIONS
from mftl.inputs import InputError
from mftl.models import difference, probe

KEY = "training.accelerate: got 'cuequivariance'"


def to_cuequivariance(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The same model with cuEquivariance's kernels.

    Raises InputError if these are not installed, or cannot compute the model and give it back as it was.
    """
    needed = {"cuequivariance_torch": "cuequivariance-torch"}
    if device.type == "cuda":  # without its ops it would be slower than MACE
        needed["cuequivariance_ops_torch"] = "cuequivariance-ops-torch-cu12 (or -cu13: that of your CUDA)"
    for module, package in needed.items():
        if importlib.util.find_spec(module) is None:
            raise InputError(f"{KEY}, but {module} is not installed; pip install {package}, or use 'none'")
    correlation = int(model.products[0].symmetric_contractions.contractions[0].correlation)
    if correlation not in ACCELERATED_CORRELATIONS:
        valid = " or ".join(map(str, ACCELERATED_CORRELATIONS))
        raise InputError(f"{KEY}, but the model has correlation {correlation}; valid: {valid}, or 'none'")
    from mace.cli.convert_e3nn_cueq import run

    converted = _converted(run, model, device)
    from_cuequivariance(converted, device)  # after the training it would be too late to see that this fails
    return converted


def from_cuequivariance(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The plain model again, which needs no cuEquivariance to load. Raises InputError if it is not the same."""
    from mace.cli.convert_cueq_e3nn import run

    return _converted(run, model, device)


def _converted(convert: Callable, model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    default = torch.get_default_dtype()  # mace's converters change it
    try:
        # given a name, the converter would fuse convolutions on cuda, which is slow where each batch has another size
        converted = convert(model, device=device).to(device)
    except Exception as error:
        raise InputError(f"{KEY}, but the model cannot be converted: {error}; use 'none'") from error
    finally:
        torch.set_default_dtype(default)
    batch = probe(model)
    if told := difference(model(batch), converted(batch)):
        raise InputError(f"{KEY}, but the converted model predicts {told}; use 'none'")
    return converted
