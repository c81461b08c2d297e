"""What a model sees in a structure, as numbers: for choosing structures and for the uncertainty of predictions.

The interaction energy is linear in the weights of the last layers of the readouts: φ are its derivatives by them, sums
over atoms. Their derivatives by the positions, J = −∂φ/∂r, are the rows that forces add.

Sources: last layer and its force rows, Bigi, Chong, Ceriotti and Grasselli (LLPR), 10.1088/2632-2153/ad805f; sketched
gradients of all weights, Holzmüller et al., arXiv:2203.09410.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms

from mftl import models
from mftl.batches import EDGES, STRUCTURES, batches
from mftl.graphs import Graph, collate, make_graph
from mftl.inputs import InputError
from mftl.lean import find_forward

LINEAR, NONLINEAR = "LinearReadoutBlock", "NonLinearReadoutBlock"


@dataclass(eq=False)
class Seen:
    """What a model sees in a structure of N atoms, D weights in its last layers; float64."""

    phi: np.ndarray  # (D,), derivatives of the energy (eV) by the weights
    rows: np.ndarray | None  # (3 N, D), those of the forces (eV/Å), atom by atom


class LastLayer:
    """The last layers of a model's readouts, its device being the model's.

    ``weights`` (D,): a structure's interaction energy is ``phi @ weights`` plus N times ``shift``, its forces are
    ``rows @ weights``. Raises InputError for a model whose readouts are of another kind, or with several heads.
    """

    def __init__(self, model: torch.nn.Module):
        if len(getattr(model, "heads", None) or [None]) > 1:
            raise InputError(f"a model with several heads ({', '.join(model.heads)}): say which head is meant")
        for readout in model.readouts:
            if type(readout).__name__ not in (LINEAR, NONLINEAR):
                raise InputError(f"last layers of a {type(readout).__name__} are not known, only of MACE's first two")
        self.model = model.eval()
        self.scale, self.shift = (float(getattr(model.scale_shift, key).detach()) for key in ("scale", "shift"))
        parts = [_last(readout) for readout in model.readouts]
        self.weights = np.concatenate([linear.weight.detach().double().cpu().numpy() for linear in parts])

    def of(self, graphs: Iterable[Graph], rows: bool = False, limit: int = STRUCTURES) -> Iterator[Seen]:
        """What the model sees in the structures of graphs, in their order; with ``rows`` for forces, too.

        In batches of at most ``limit`` structures. Rows take a backward pass for each of the D weights.
        """
        device = next(self.model.parameters()).device
        for batch in batches(graphs, limit, lambda one: one.edge_index.shape[1], EDGES[device.type]):
            yield from self._of_batch(collate(batch, device), rows)

    def _of_batch(self, batch: dict[str, torch.Tensor], rows: bool) -> Iterator[Seen]:
        atoms: list[torch.Tensor] = []
        hooks = [
            readout.register_forward_pre_hook(lambda own, inputs: atoms.append(_read(own, inputs[0])))
            for readout in self.model.readouts
        ]
        try:
            with torch.set_grad_enabled(rows):
                self.model(batch, compute_force=False)
        finally:
            for hook in hooks:
                hook.remove()
        seen = self.scale * torch.cat(atoms, 1)  # (N, D)
        sizes = (batch["ptr"][1:] - batch["ptr"][:-1]).tolist()
        sums = seen.new_zeros(len(sizes), seen.shape[1]).index_add(0, batch["batch"], seen)
        forces: list[np.ndarray | None] = [None] * len(sizes)
        if rows:
            last = seen.shape[1] - 1
            found = [
                torch.autograd.grad(sums[:, k].sum(), batch["positions"], retain_graph=k < last)[0]
                for k in range(last + 1)
            ]
            stacked = -torch.stack(found, -1).double().cpu().numpy()  # (N, 3, D)
            forces = [one.reshape(-1, last + 1) for one in np.split(stacked, np.cumsum(sizes)[:-1])]
        yield from map(Seen, sums.detach().double().cpu().numpy(), forces)


def _last(readout: torch.nn.Module) -> torch.nn.Module:
    return readout.linear if type(readout).__name__ == LINEAR else readout.linear_2


def _read(readout: torch.nn.Module, features: torch.Tensor) -> torch.Tensor:
    """What the last layer of a readout multiplies with its weights, (N, weights), of features (N, C)."""
    last = _last(readout)
    if last is not getattr(readout, "linear", None):
        features = readout.non_linearity(readout.linear_1(features))
    scalars = [
        features[:, part]
        for part, (_, ir) in zip(last.irreps_in.slices(), last.irreps_in, strict=True)
        if ir.is_scalar()
    ]
    gains = [path.path_weight for path in last.instructions if path.i_in >= 0]
    return torch.cat([gain * one for gain, one in zip(gains, scalars, strict=True)], 1)


def graphs_of(model: torch.nn.Module, structures: Iterable[Atoms]) -> Iterator[Graph]:
    """Graphs of structures for a model, one at a time. Raises InputError naming one with an unknown element."""
    elements, cutoff, dtype = models.model_elements(model), float(model.r_max), models.model_dtype(model)
    return (make_graph(atoms, elements, cutoff, dtype) for atoms in structures)


class Sketch:
    """Gradients of the energy by all weights of a model, as ``dimension`` numbers each: a count sketch.

    Each weight's derivative goes with a random sign to one of the numbers, so that inner products of gradients are
    kept on average. ``seed`` draws signs and places. It takes a backward pass for each structure.
    """

    def __init__(self, model: torch.nn.Module, dimension: int, seed: int):
        self.forward, _ = find_forward(model)
        self.weights = [one for one in model.parameters() if one.requires_grad]
        self.device, self.dimension = next(model.parameters()).device, dimension
        generator, count = torch.Generator().manual_seed(seed), sum(one.numel() for one in self.weights)
        self.places = torch.randint(dimension, (count,), generator=generator).to(self.device)
        signs = 2.0 * torch.randint(2, (count,), generator=generator) - 1.0
        self.signs = signs.to(self.weights[0])

    def of(self, graphs: Iterable[Graph]) -> Iterator[np.ndarray]:
        """Sketches (dimension,) of the gradients of graphs' energies (eV), float64, in their order."""
        for graph in graphs:
            output = self.forward(collate([graph], self.device), training=True, compute_force=False)
            found = torch.autograd.grad(output["interaction_energy"].sum(), self.weights, allow_unused=True)
            flat = torch.cat(
                [
                    torch.zeros_like(weight).reshape(-1) if one is None else one.reshape(-1)
                    for one, weight in zip(found, self.weights, strict=True)
                ]
            )
            sums = flat.new_zeros(self.dimension).index_add(0, self.places, self.signs * flat)
            yield sums.double().cpu().numpy()


def root(rows: np.ndarray) -> np.ndarray:
    """The square root of the rows' Gram matrix, (D (D + 1) / 2,), from rows (n, D).

    It depends neither on how a structure is turned nor on how many atoms it has. Off the diagonal it is multiplied by
    √2, so that the distance of two is that of the matrices.
    """
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    matrix = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    upper = np.triu_indices(len(matrix))
    return matrix[upper] * np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))


def blocks(
    found: np.ndarray, fractions: np.ndarray, energy_weight: float = 1.0, forces_weight: float = 1.0
) -> np.ndarray:
    """Rows (n, D + 1, D) of structures from their features of the kind ``forces``: of energy and forces, weighted.

    What is linear in the ``fractions`` (n, elements) of elements is taken off φ/N, since it costs no labels.
    Raises InputError if they do not fit into memory.
    """
    width = round((np.sqrt(9 + 8 * found.shape[1]) - 3) / 2)
    needed = 4 * len(found) * (width + 1) * width
    if needed > MOST:
        raise InputError(
            f"force rows of {len(found)} structures and {width} weights of last layers take {needed / 2**30:.0f} GB; "
            "valid: features: gradient or last-layer, or another rule"
        )
    phi = found[:, :width].astype(float)
    rows = np.empty((len(found), width + 1, width), np.float32)
    rows[:, 0] = energy_weight**0.5 * (phi - fractions @ np.linalg.lstsq(fractions, phi, rcond=None)[0])
    upper = np.triu_indices(width)
    halves = found[:, width:] * np.where(upper[0] == upper[1], 1.0, np.sqrt(0.5)).astype(np.float32)
    rows[:, 1 + upper[0], upper[1]] = forces_weight**0.5 * halves
    rows[:, 1 + upper[1], upper[0]] = forces_weight**0.5 * halves
    return rows


MOST = 4 * 2**30  # bytes of ``blocks``
KINDS = ("last-layer", "gradient", "forces")


def collected(
    model: torch.nn.Module,
    kind: str,
    structures: Iterable[Atoms],
    count: int,
    dimension: int = 512,
    seed: int = 0,
    progress: Callable[..., Iterable] = lambda iterable, total: iterable,
) -> np.ndarray:
    """Features of ``count`` structures, (count, d) in float32, which are read one after the other.

    ``kind``: ``last-layer`` φ/N, ``gradient`` the sketch in ``dimension`` numbers, divided by N, ``forces`` the root
    of the force rows joined to φ/N. ``progress`` wraps the structures, as tqdm does.
    """
    every = (graph for graph in graphs_of(model, progress(structures, total=count)))
    found = np.empty((0, 0), np.float32)
    for i, (size, values) in enumerate(_numbers(model, kind, every, dimension, seed)):
        if i == 0:
            found = np.empty((count, len(values)), np.float32)
        found[i] = values / size if kind != "forces" else values
    return found


def _numbers(
    model: torch.nn.Module, kind: str, graphs: Iterator[Graph], dimension: int, seed: int
) -> Iterator[tuple[int, Any]]:
    """Atoms and numbers of each structure."""
    if kind == "gradient":
        sketch = Sketch(model, dimension, seed)
        for graph in graphs:
            (one,) = sketch.of([graph])
            yield len(graph.positions), one
        return
    sizes: list[int] = []

    def counted() -> Iterator[Graph]:
        for graph in graphs:
            sizes.append(len(graph.positions))
            yield graph

    for i, seen in enumerate(LastLayer(model).of(counted(), rows=kind == "forces")):
        if seen.rows is None:
            yield sizes[i], seen.phi
        else:
            yield sizes[i], np.concatenate([seen.phi / sizes[i], root(seen.rows)])
