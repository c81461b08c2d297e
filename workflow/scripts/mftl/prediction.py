"""Energies and forces of many structures from one model, in batches."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from ase import Atoms

from mftl import models
from mftl.batches import EDGES, Limit, batches
from mftl.graphs import Graph, collate, make_graph
from mftl.lean import find_forward

log = logging.getLogger(__name__)


class Graphs:
    """Graphs of the same structures for one model after another, made anew only for one that needs others."""

    def __init__(self, structures: list[Atoms]):
        self.structures = structures
        self.kind: tuple | None = None
        self.graphs: list[Graph] = []
        self.seconds = 0.0  # that making them took

    def of(self, model: torch.nn.Module) -> list[Graph]:
        """Graphs for a model, in the order of the structures.

        Raises InputError naming the structure that holds an element the model does not know.
        """
        kind = _kind(model)
        if kind != self.kind:
            start = time.perf_counter()
            self.graphs = [make_graph(atoms, *kind) for atoms in self.structures]
            self.kind, self.seconds = kind, time.perf_counter() - start
        return self.graphs


def _kind(model: torch.nn.Module) -> tuple[list[int], float, torch.dtype]:
    """What graphs depend on besides their structures: elements, cutoff (Å) and floating-point type of a model."""
    return models.model_elements(model), float(model.r_max), models.model_dtype(model)


def predict(
    model: torch.nn.Module,
    structures: list[Atoms],
    limit: Limit | None = None,
    device: str = "cpu",
    forward: Callable[..., dict] | None = None,
    graphs: Sequence[Graph] | None = None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Energies (n,) in eV and forces, n arrays (N, 3) in eV/Å, as float64.

    Reference energies are added in float64, so that a float32 model keeps its digits. Structures are batched by
    size, which wastes least memory, and returned in the order given. ``limit`` is that of the batches. For those who
    predict often, ``forward`` is what ``find_forward`` gave for the model on this device, and ``graphs`` are those of
    the structures for this model.
    Raises InputError naming the structure that holds an element the model does not know.
    """
    model = model.to(models.find_device(device)).eval()
    order = sorted(range(len(structures)), key=lambda i: len(structures[i]))
    kind = _kind(model)
    own = (graphs[i] if graphs else make_graph(structures[i], *kind) for i in order)
    interaction, stacked = evaluate(model, own, limit, forward=forward)
    energies = models.composition(structures, kind[0]) @ models.reference_energies(model)
    energies[order] += interaction
    assert stacked is not None  # forces are asked for
    forces: list[np.ndarray] = [np.empty(0)] * len(structures)
    for i, one in zip(order, np.split(stacked, np.cumsum([len(structures[i]) for i in order])[:-1]), strict=True):
        forces[i] = one
    return energies, forces


def evaluate(
    model: torch.nn.Module,
    graphs: Iterable[Graph],
    limit: Limit | None = None,
    use_forces: bool = True,
    forward: Callable[..., dict] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Interaction energies (n,) in eV and forces (atoms, 3) in eV/Å of graphs, as float64, with the weights held now.

    An interaction energy is an energy without the reference energies of the elements. ``forward`` is what
    ``find_forward`` gave for the model, if that is known.
    Where a GPU's memory does not suffice, the batch is halved, and the ``limit`` lowered for all that follows.
    Raises torch.OutOfMemoryError if it does not suffice for one structure.
    """
    device, forward = next(model.parameters()).device, forward or find_forward(model)[0]
    limit = Limit() if limit is None else limit
    limit.edges = limit.edges or EDGES[device.type]
    with without_gradients(model), torch.set_grad_enabled(use_forces):
        energies, *forces = zip(*_in_batches(forward, graphs, device, use_forces, limit), strict=True)
    return np.concatenate(energies), np.concatenate(forces[0]) if use_forces else None


def _in_batches(
    forward: Callable[..., dict], graphs: Iterable[Graph], device: torch.device, use_forces: bool, limit: Limit
) -> Iterator[list[np.ndarray]]:
    """Interaction energies and perhaps forces, batch by batch."""
    assert limit.edges is not None
    for batch in batches(graphs, limit.structures, _edges, limit.edges):
        edges = sum(map(_edges, batch))
        too_many = len(batch) > 1 and edges > limit.edges  # which was lowered since
        output = None if too_many else _outputs(forward, batch, device, use_forces)
        if output is not None:
            yield output
            continue
        if not too_many:
            limit.edges = edges // 2
            text = "out of memory on the GPU with a batch of %d structures and %d edges: going on with %d edges at most"
            log.warning(text, len(batch), edges, limit.edges)
        yield from _in_batches(forward, batch, device, use_forces, limit)


def _outputs(
    forward: Callable[..., dict], batch: Sequence[Graph], device: torch.device, use_forces: bool
) -> list[np.ndarray] | None:
    """Interaction energies and perhaps forces of a batch; None if it has to be halved."""
    try:
        output = forward(collate(batch, device), training=False, compute_force=use_forces)
        wanted = ["interaction_energy", "forces"] if use_forces else ["interaction_energy"]
        return [output[key].detach().double().cpu().numpy() for key in wanted]
    except RuntimeError as error:
        # within TorchScript it is a plain RuntimeError with that text
        ended = isinstance(error, torch.OutOfMemoryError) or "CUDA out of memory" in str(error)
        if not ended or len(batch) == 1:
            raise
    return None  # only here is the error gone, and with it the tensors that its traceback holds


def _edges(graph: Graph) -> int:
    """Edges of a graph, but at least one, so that every batch can be halved."""
    return max(graph.edge_index.shape[1], 1)


@contextmanager
def without_gradients(model: torch.nn.Module) -> Iterator[None]:
    """Inside, nothing is kept for gradients by the model's weights: forces need those by positions alone."""
    learning = [one for one in model.parameters() if one.requires_grad]
    for one in learning:
        one.requires_grad_(False)
    try:
        yield
    finally:
        for one in learning:
            one.requires_grad_(True)
