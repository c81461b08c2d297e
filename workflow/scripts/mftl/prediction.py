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
    """Energies (n,) in eV and forces, n arrays (N, 3) in eV/Å, as float64; see ``predict_with_stress``."""
    energies, forces, _ = predict_with_stress(model, structures, limit, device, forward, graphs, False)
    return energies, forces


def predict_with_stress(
    model: torch.nn.Module,
    structures: list[Atoms],
    limit: Limit | None = None,
    device: str = "cpu",
    forward: Callable[..., dict] | None = None,
    graphs: Sequence[Graph] | None = None,
    use_stress: bool = True,
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray | None]:
    """Energies (n,) in eV, forces, n arrays (N, 3) in eV/Å, and stresses (n, 3, 3) in eV/Å³, as float64.

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
    interaction, stacked, stresses = evaluate(model, own, limit, use_stress=use_stress, forward=forward)
    energies = models.composition(structures, kind[0]) @ models.reference_energies(model)
    energies[order] += interaction
    assert stacked is not None  # forces are asked for
    forces: list[np.ndarray] = [np.empty(0)] * len(structures)
    for i, one in zip(order, np.split(stacked, np.cumsum([len(structures[i]) for i in order])[:-1]), strict=True):
        forces[i] = one
    return energies, forces, None if stresses is None else stresses[np.argsort(order)]


def evaluate(
    model: torch.nn.Module,
    graphs: Iterable[Graph],
    limit: Limit | None = None,
    use_forces: bool = True,
    use_stress: bool = False,
    forward: Callable[..., dict] | None = None,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Interaction energies (n,) in eV, forces (atoms, 3) in eV/Å and stresses (n, 3, 3) in eV/Å³ of graphs, as float64.

    With the weights held now; None for what is not asked for.
    An interaction energy is an energy without the reference energies of the elements. ``forward`` is what
    ``find_forward`` gave for the model, if that is known.
    Where a GPU's memory does not suffice, the batch is halved, and the ``limit`` lowered for all that follows.
    Raises torch.OutOfMemoryError if it does not suffice for one structure.
    """
    device, forward = next(model.parameters()).device, forward or find_forward(model, use_stress)[0]
    limit = Limit() if limit is None else limit
    limit.edges = limit.edges or EDGES[device.type]
    keys = ["interaction_energy", *(["forces"] if use_forces else []), *(["stress"] if use_stress else [])]
    with without_gradients(model), torch.set_grad_enabled(use_forces or use_stress):
        parts = zip(*_in_batches(forward, graphs, device, keys, limit), strict=True)
        found = dict(zip(keys, map(np.concatenate, parts), strict=True))
    return found["interaction_energy"], found.get("forces"), found.get("stress")


def _in_batches(
    forward: Callable[..., dict], graphs: Iterable[Graph], device: torch.device, keys: list[str], limit: Limit
) -> Iterator[list[np.ndarray]]:
    """What the keys say, batch by batch."""
    assert limit.edges is not None
    for batch in batches(graphs, limit.structures, _edges, limit.edges):
        edges = sum(map(_edges, batch))
        too_many = len(batch) > 1 and edges > limit.edges  # which was lowered since
        output = None if too_many else _outputs(forward, batch, device, keys)
        if output is not None:
            yield output
            continue
        if not too_many:
            limit.edges = edges // 2
            text = "out of memory on the GPU with a batch of %d structures and %d edges: going on with %d edges at most"
            log.warning(text, len(batch), edges, limit.edges)
        yield from _in_batches(forward, batch, device, keys, limit)


def _outputs(
    forward: Callable[..., dict], batch: Sequence[Graph], device: torch.device, keys: list[str]
) -> list[np.ndarray] | None:
    """What the keys say, of a batch; None if it has to be halved."""
    try:
        stress = {"compute_stress": True} if "stress" in keys else {}
        output = forward(collate(batch, device), training=False, compute_force="forces" in keys, **stress)
        return [output[key].detach().double().cpu().numpy() for key in keys]
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
