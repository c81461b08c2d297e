"""Structures as batches of graphs in the form that ``mace.modules`` models take.

Every structure becomes a handful of tensors once; a batch is then a concatenation. On small molecules this
costs a fraction of building ``mace.data.AtomicData`` objects and collating them in every epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from mftl.inputs import InputError
from mftl.mace_imports import get_neighborhood


@dataclass
class Graph:
    """One structure. Shapes: N atoms, E directed edges, Z elements of the model."""

    positions: torch.Tensor  # (N, 3), Å
    elements: torch.Tensor  # (N,), place of the element in the model's list
    edge_index: torch.Tensor  # (2, E), sender and receiver, sorted by receiver
    shifts: torch.Tensor  # (E, 3), Å
    cell: torch.Tensor  # (3, 3), Å
    known: int  # Z
    energy: float | None  # eV, relative to the model's reference energies
    forces: torch.Tensor | None  # (N, 3), eV/Å
    stress: torch.Tensor | None = None  # (3, 3), eV/Å³


def check_elements(atoms: Atoms, elements: list[int]) -> None:
    """Raise InputError naming the structure's id if it holds an element that is not in a model's ``elements``."""
    unknown = sorted(set(atoms.get_chemical_symbols()) - {chemical_symbols[z] for z in elements})
    if unknown:
        raise InputError(
            f"structure {atoms.info.get('id', '(no id)')} holds {', '.join(unknown)}, "
            f"which the model does not know: it knows {', '.join(chemical_symbols[z] for z in elements)}"
        )


def make_graph(
    atoms: Atoms,
    elements: list[int],
    cutoff: float,
    dtype: torch.dtype,
    energy: float | None = None,
    forces: np.ndarray | None = None,
    stress: np.ndarray | None = None,
) -> Graph:
    """Neighbour list and element encoding of one structure.

    Raises InputError naming the structure's id when it holds an element that is not in ``elements``.
    """
    check_elements(atoms, elements)
    edge_index, shifts, _, cell = get_neighborhood(
        positions=atoms.positions,
        cutoff=cutoff,
        pbc=tuple(bool(p) for p in atoms.pbc),
        cell=np.array(atoms.cell),
    )
    order = np.argsort(edge_index[1], kind="stable")
    return Graph(
        positions=torch.tensor(atoms.positions, dtype=dtype),
        elements=torch.tensor((atoms.numbers[:, None] == np.asarray(elements)).argmax(1)),
        edge_index=torch.tensor(edge_index[:, order], dtype=torch.int64),
        shifts=torch.tensor(shifts[order], dtype=dtype),
        cell=torch.tensor(cell, dtype=dtype),
        known=len(elements),
        energy=energy,
        forces=None if forces is None else torch.tensor(forces, dtype=dtype),
        stress=None if stress is None else torch.tensor(stress, dtype=dtype),
    )


def collate(graphs: Sequence[Graph], device: torch.device) -> dict[str, torch.Tensor]:
    """Concatenate graphs into the dictionary a MACE model takes.

    ``energy`` (B,), ``forces`` (N, 3) and ``stress`` (B, 3, 3) are in it where known. It has what lean layers need
    besides, see ``edge_tables`` and ``element_tables``, but not the ``unit_shifts``, from which MACE's own modules
    compute stress (``mftl.strain`` does without).
    """
    sizes = torch.tensor([len(g.positions) for g in graphs])
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(sizes, 0)])
    edges = torch.tensor([g.edge_index.shape[1] for g in graphs])
    edge_index = torch.cat([g.edge_index for g in graphs], dim=1) + torch.repeat_interleave(ptr[:-1], edges)
    elements = torch.cat([g.elements for g in graphs])
    batch = {
        "positions": torch.cat([g.positions for g in graphs]),
        "edge_index": edge_index,
        "shifts": torch.cat([g.shifts for g in graphs]),
        "cell": torch.cat([g.cell for g in graphs]),
        "batch": torch.repeat_interleave(torch.arange(len(graphs)), sizes),
        "ptr": ptr,
        **edge_tables(edge_index[1], len(elements)),
        **element_tables(elements, graphs[0].known, graphs[0].positions.dtype),
    }
    if graphs[0].energy is not None:
        batch["energy"] = torch.tensor([g.energy for g in graphs], dtype=batch["positions"].dtype)
    if graphs[0].forces is not None:
        batch["forces"] = torch.cat([g.forces for g in graphs])
    if graphs[0].stress is not None:
        batch["stress"] = torch.stack([g.stress for g in graphs])
    return to(batch, device)


def edge_tables(receivers: torch.Tensor, atoms: int) -> dict[str, torch.Tensor]:
    """Each edge's row among M of its receiver, for lean layers; from sorted receivers (E,) on the CPU.

    M is the largest number of neighbours of an atom. ``rows`` (E,) of N M; ``slots`` (N M,), the edge of each row, or
    the first one where there is none.
    """
    edges = torch.arange(len(receivers))
    neighbours = torch.bincount(receivers, minlength=atoms)
    most = int(neighbours.max()) if len(edges) else 0
    first = torch.cumsum(neighbours, 0) - neighbours
    rows = edges + (torch.arange(atoms) * most - first).index_select(0, receivers)
    return {"rows": rows, "slots": edges.new_zeros(atoms * most).index_copy_(0, rows, edges)}


def element_tables(elements: torch.Tensor, known: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """One-hot elements (N, Z) and what lean layers need; from elements (N,) on the CPU, Z of which are ``known``.

    ``by_element`` (N,): atoms sorted by element, ``from_element`` (N,): the way back, ``counts``: how many there are
    of each.
    """
    by_element = torch.argsort(elements, stable=True)
    return {
        "node_attrs": torch.nn.functional.one_hot(elements, known).to(dtype),
        "elements": elements,
        "by_element": by_element,
        "from_element": torch.empty_like(by_element).index_copy_(0, by_element, torch.arange(len(elements))),
        "counts": torch.bincount(elements, minlength=known),
    }


def complete(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch in MACE's form with its edges sorted by receiver and the tables that lean layers need."""
    device, one_hot = batch["positions"].device, batch["node_attrs"]
    order = torch.argsort(batch["edge_index"][1], stable=True)
    edge_index = batch["edge_index"].index_select(1, order)
    own = edge_tables(edge_index[1].cpu(), len(one_hot))
    own |= element_tables(one_hot.argmax(1).cpu(), one_hot.shape[1], one_hot.dtype)
    return dict(batch) | {"edge_index": edge_index, "shifts": batch["shifts"][order]} | to(own, device)


def to(batch: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """The same batch on a device; numbers that decide about shapes stay where they can be read without waiting."""
    if device.type == "cpu":
        return batch
    return {key: value if key == "counts" else value.to(device) for key, value in batch.items()}
