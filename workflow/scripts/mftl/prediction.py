"""Energies and forces of many structures from one model, in batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from ase import Atoms

from mftl import models
from mftl.graphs import Graph, collate, make_graph
from mftl.lean import find_forward

T = TypeVar("T")


def predict(
    model: torch.nn.Module,
    structures: list[Atoms],
    batch_size: int = 100,
    device: str = "cpu",
    forward: Callable[..., dict] | None = None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Energies (n,) in eV and forces, n arrays (N, 3) in eV/Å, as float64.

    Reference energies are added in float64, so that a float32 model keeps its digits. Structures are batched by
    size, which wastes least memory, and returned in the order given. ``forward`` is what ``find_forward`` gave for the
    model on this device, for those who predict often.
    Raises InputError naming the structure that holds an element the model does not know.
    """
    target = models.find_device(device)
    model = model.to(target).eval()
    elements = models.model_elements(model)
    order = sorted(range(len(structures)), key=lambda i: len(structures[i]))
    cutoff, dtype = float(model.r_max), models.model_dtype(model)
    interaction, stacked = evaluate(
        forward or find_forward(model)[0],
        ([make_graph(structures[i], elements, cutoff, dtype) for i in chosen] for chosen in batches(order, batch_size)),
        target,
    )
    energies = models.composition(structures, elements) @ models.reference_energies(model)
    energies[order] += interaction
    assert stacked is not None  # forces are asked for
    forces: list[np.ndarray] = [np.empty(0)] * len(structures)
    for i, own in zip(order, np.split(stacked, np.cumsum([len(structures[i]) for i in order])[:-1]), strict=True):
        forces[i] = own
    return energies, forces


def evaluate(
    forward: Callable[..., dict], graphs: Iterable[Sequence[Graph]], device: torch.device, use_forces: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Interaction energies (n,) in eV and forces (atoms, 3) in eV/Å of batches of graphs, as float64.

    An interaction energy is an energy without the reference energies of the elements.
    """
    energies, forces = [], []
    for batch in graphs:
        output = forward(collate(batch, device), training=False, compute_force=use_forces)
        energies.append(output["interaction_energy"].detach().double().cpu().numpy())
        if use_forces:
            forces.append(output["forces"].detach().double().cpu().numpy())
    return np.concatenate(energies), np.concatenate(forces) if use_forces else None


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Items, ``size`` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
