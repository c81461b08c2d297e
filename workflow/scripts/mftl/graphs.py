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
    node_attrs: torch.Tensor  # (N, Z), one-hot element
    edge_index: torch.Tensor  # (2, E), sender and receiver
    shifts: torch.Tensor  # (E, 3), Å
    unit_shifts: torch.Tensor  # (E, 3), in cell vectors
    cell: torch.Tensor  # (3, 3), Å
    energy: float | None  # eV, relative to the model's reference energies
    forces: torch.Tensor | None  # (N, 3), eV/Å


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
) -> Graph:
    """Neighbour list and element encoding of one structure.

    Raises InputError naming the structure's id when it holds an element that is not in ``elements``.
    """
    check_elements(atoms, elements)
    edge_index, shifts, unit_shifts, cell = get_neighborhood(
        positions=atoms.positions,
        cutoff=cutoff,
        pbc=tuple(bool(p) for p in atoms.pbc),
        cell=np.array(atoms.cell),
    )
    node_attrs = torch.tensor(atoms.numbers[:, None] == np.asarray(elements)[None, :])
    return Graph(
        positions=torch.tensor(atoms.positions, dtype=dtype),
        node_attrs=node_attrs.to(dtype),
        edge_index=torch.tensor(edge_index, dtype=torch.int64),
        shifts=torch.tensor(shifts, dtype=dtype),
        unit_shifts=torch.tensor(unit_shifts, dtype=dtype),
        cell=torch.tensor(cell, dtype=dtype),
        energy=energy,
        forces=None if forces is None else torch.tensor(forces, dtype=dtype),
    )


def collate(graphs: Sequence[Graph], device: torch.device) -> dict[str, torch.Tensor]:
    """Concatenate graphs into the dictionary a MACE model takes; ``energy`` (B,) and ``forces`` (N, 3) where known."""
    sizes = torch.tensor([len(g.positions) for g in graphs])
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(sizes, 0)])
    batch = {
        "positions": torch.cat([g.positions for g in graphs]),
        "node_attrs": torch.cat([g.node_attrs for g in graphs]),
        "edge_index": torch.cat([g.edge_index + start for g, start in zip(graphs, ptr[:-1], strict=True)], dim=1),
        "shifts": torch.cat([g.shifts for g in graphs]),
        "unit_shifts": torch.cat([g.unit_shifts for g in graphs]),
        "cell": torch.cat([g.cell for g in graphs]),
        "batch": torch.repeat_interleave(torch.arange(len(graphs)), sizes),
        "ptr": ptr,
    }
    if graphs[0].forces is not None:
        batch["energy"] = torch.tensor([g.energy for g in graphs], dtype=batch["positions"].dtype)
        batch["forces"] = torch.cat([g.forces for g in graphs])
    return {key: value.to(device) for key, value in batch.items()}
