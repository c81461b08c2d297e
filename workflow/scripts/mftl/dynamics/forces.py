"""Forces of a MACE model, or of a committee of some, on many replicas at once.

Neighbours are searched within the cutoff and a skin, for those replicas alone in which an atom has moved by more than
half the skin since their last search. Each step takes from these lists the pairs within the cutoff: the model's forces
would be the same with all of them, since its radial functions vanish there, but cost more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from ase.cell import Cell
from scipy.spatial import KDTree

from mftl import models
from mftl.batches import EDGES, batches
from mftl.dynamics.convolution import accelerate
from mftl.dynamics.integrators import Evaluation
from mftl.graphs import check_elements, edge_tables, element_tables, to
from mftl.inputs import InputError
from mftl.lean import find_forward
from mftl.lean.model import LeanModel
from mftl.mace_imports import get_neighborhood

SKIN = 0.5  # Å
CPU_EDGES = 16000  # of one call: more leave a CPU's caches, less cost more calls


@dataclass
class Group:
    """Replicas that go into the model together; tensors that stay the same from step to step."""

    atoms: slice
    replicas: slice
    fixed: dict[str, torch.Tensor]


class ModelForces:
    """Energies and forces of a model on replicas, a function of the positions of all their atoms.

    Several models are a committee: its energies and forces are the means of theirs, with the standard deviations of
    the forces. They share neighbours, and cost little more than their networks. The models are taken over: they cannot
    be trained any more. ``closest`` of what is returned looks no farther than the cutoff and the skin.
    With ``stress`` it gives that too, and ``rescale`` changes the cells.
    Raises InputError if a structure holds an element that a model does not know, if models of a committee have other
    elements, cutoffs or types of numbers than the first, or if a stress is wanted of one that is not periodic.
    """

    def __init__(
        self,
        model: torch.nn.Module | Sequence[torch.nn.Module],
        replicas: list[Atoms],
        device: str = "cpu",
        skin: float = SKIN,
        stress: bool = False,
    ):
        self.options = {"compute_stress": True} if stress else {}
        self.lists: list[tuple[np.ndarray, ...]]
        self.scales: np.ndarray  # of the cells, since the last search
        self.shifts: np.ndarray
        self.bounds: np.ndarray
        members = [model] if isinstance(model, torch.nn.Module) else list(model)
        self.device, first = models.find_device(device), members[0]
        self.forwards = [self._forward(one) for one in members]
        self.dtype, self.cutoff, self.skin = models.model_dtype(first), float(first.r_max), skin
        elements = models.model_elements(first)
        for other in members[1:]:
            if (models.model_elements(other), float(other.r_max)) != (elements, self.cutoff) or (
                models.model_dtype(other) != self.dtype
            ):
                raise InputError("the models of a committee have different elements, cutoffs or types of numbers")
        for atoms in replicas:
            check_elements(atoms, elements)
            if stress and not atoms.pbc.all():
                raise InputError(
                    f"structure {atoms.info.get('id', '(no id)')} is not periodic along all axes: it has no pressure; "
                    "use ensemble: nvt"
                )
        self.replicas = replicas
        self.cells = np.array([atoms.cell.array for atoms in replicas])
        references = np.mean([models.reference_energies(one) for one in members], axis=0)
        self.references = models.composition(replicas, elements) @ references
        self.elements = [torch.tensor((a.numbers[:, None] == np.asarray(elements)).argmax(1)) for a in replicas]
        self.known = len(elements)
        self.positions = np.concatenate([atoms.positions for atoms in replicas])  # of the last search for neighbours
        self.origins = np.zeros_like(self.positions)
        self._search_all()
        self.weights = np.array([len(own[0]) for own in self.lists])
        self._group()

    def __call__(self, positions: np.ndarray) -> Evaluation:
        """Energies with reference energies, forces and smallest distances at positions (N, 3)."""
        moved = np.maximum.reduceat(((positions - self.positions) ** 2).sum(1), self.starts[:-1])
        # of a cell that has shrunk, pairs beyond the skin have come nearer
        skins = np.maximum((self.cutoff + self.skin) * np.minimum(self.scales, 1.0) - self.cutoff, 0.0)
        if outdated := np.flatnonzero(moved > (skins / 2) ** 2).tolist():
            for k in outdated:
                self._search(k, positions[self.starts[k] : self.starts[k + 1]])
            self._join()
        local = positions - self.origins
        vectors = local.take(self.receivers, 0)
        vectors -= local.take(self.senders, 0)
        vectors += self.shifts
        squares = np.einsum("ij,ij->i", vectors, vectors)
        near = np.flatnonzero(squares < self.cutoff**2)
        senders, receivers = self.senders.take(near), self.receivers.take(near)
        shifts = torch.from_numpy(self.shifts.take(near, 0)).to(self.dtype)
        local = torch.from_numpy(local).to(self.dtype)
        edges = torch.from_numpy(np.stack([senders, receivers]))
        energies = np.empty((len(self.forwards), len(self.replicas)))
        forces = np.empty((len(self.forwards), *positions.shape))
        stresses = np.empty((len(self.forwards), len(self.replicas), 3, 3)) if self.options else None
        for group in self.groups:
            first, last = np.searchsorted(receivers, [group.atoms.start, group.atoms.stop])
            own = edges[:, first:last] - group.atoms.start
            changing = {"positions": local[group.atoms], "edge_index": own, "shifts": shifts[first:last]}
            changing |= edge_tables(own[1], group.atoms.stop - group.atoms.start)
            if stresses is not None:
                changing["cell"] = torch.from_numpy(self.cells[group.replicas].reshape(-1, 3)).to(self.dtype)
            batch = group.fixed | to(changing, self.device)
            for k, forward in enumerate(self.forwards):
                output = forward(batch, training=False, compute_force=True, **self.options)
                energies[k, group.replicas] = output["interaction_energy"].detach().double().cpu().numpy()
                forces[k, group.atoms] = output["forces"].detach().double().cpu().numpy()
                if stresses is not None:
                    stresses[k, group.replicas] = output["stress"].detach().double().cpu().numpy()
        deviations = forces.std(0) if len(self.forwards) > 1 else None
        mean = None if stresses is None else stresses.mean(0)
        return Evaluation(energies.mean(0) + self.references, forces.mean(0), self._closest(squares), mean, deviations)

    def rescale(self, factors: np.ndarray) -> None:
        """Lengthen the cells and all that is known of the replicas (R,) by these factors."""
        atoms = np.repeat(factors, np.diff(self.starts))[:, None]
        self.positions, self.origins = self.positions * atoms, self.origins * atoms
        self.cells, self.scales = self.cells * factors[:, None, None], self.scales * factors
        self.lists = [(*one[:2], one[2] * own) for one, own in zip(self.lists, factors, strict=True)]
        self.shifts = self.shifts * np.repeat(factors, np.diff(self.bounds))[:, None]

    def keep(self, kept: np.ndarray) -> None:
        """Go on with some of the replicas alone; ``kept`` (R,) says which."""
        atoms = np.repeat(kept, np.diff(self.starts))
        self.positions, self.origins = self.positions[atoms], self.origins[atoms]
        self.references, self.weights = self.references[kept], self.weights[kept]
        self.cells, self.scales = self.cells[kept], self.scales[kept]
        for name in ("replicas", "elements", "lists"):
            setattr(self, name, [one for one, own in zip(getattr(self, name), kept, strict=True) if own])
        self._join()
        self._group()

    def state(self) -> dict:
        """What ``restore`` needs to give the same bits from here on."""
        return {"positions": self.positions.copy(), "weights": self.weights.copy(), "cells": self.cells.copy()}

    def restore(self, state: dict) -> None:
        """Take up the state of another object with the same replicas."""
        self.positions, self.weights = state["positions"].copy(), state["weights"].copy()
        self.cells = state["cells"].copy()
        self._search_all()
        self._group()

    def _forward(self, model: torch.nn.Module) -> Callable[..., dict[str, torch.Tensor]]:
        forward, _ = find_forward(model.to(self.device).eval().requires_grad_(False), bool(self.options))
        if not isinstance(forward, LeanModel):
            accelerate(model)
        return forward

    def _search_all(self) -> None:
        self.starts = np.cumsum([0, *map(len, self.replicas)])
        self.origins = np.zeros_like(self.positions)
        self.scales = np.ones(len(self.replicas))
        self.lists = [()] * len(self.replicas)
        for k in range(len(self.replicas)):
            self._search(k, self.positions[self.starts[k] : self.starts[k + 1]])
        self._join()

    def _search(self, k: int, positions: np.ndarray) -> None:
        """Neighbours in one replica, sorted by the second atom of a pair.

        Positions are unwrapped and may be far out, where float32 has no digits left: the model gets them relative to
        an origin, that of the atom's image of the cell, or the centroid of a molecule.
        """
        atoms, own, reach = self.replicas[k], slice(self.starts[k], self.starts[k + 1]), self.cutoff + self.skin
        if atoms.pbc.any():
            cell = Cell(self.cells[k]).complete().array
            images = np.floor(np.linalg.solve(cell.T, positions.T).T) * atoms.pbc
            origins = images @ cell
            edges, shifts, _, _ = get_neighborhood(
                positions - origins, reach, tuple(bool(p) for p in atoms.pbc), self.cells[k].copy()
            )
            senders, receivers = edges
        else:
            origins = np.broadcast_to(positions.mean(0), positions.shape)
            pairs = KDTree(positions).query_pairs(reach, output_type="ndarray")
            senders, receivers = np.concatenate([pairs, pairs[:, ::-1]]).T
            shifts = np.zeros((len(senders), 3))
        order = np.lexsort((*shifts.T, senders, receivers))
        self.lists[k] = (senders[order].astype(np.int64), receivers[order].astype(np.int64), shifts[order])
        self.positions[own], self.origins[own] = positions, origins
        self.scales[k] = 1.0

    def _join(self) -> None:
        self.starts = np.cumsum([0, *map(len, self.replicas)])
        counts = [len(one[0]) for one in self.lists]
        offsets = np.repeat(self.starts[:-1], counts)
        senders, receivers, shifts = (np.concatenate(part) for part in zip(*self.lists, strict=True))
        self.senders, self.receivers, self.shifts = senders + offsets, receivers + offsets, shifts
        self.bounds = np.cumsum([0, *counts])

    def _group(self) -> None:
        """Divide the replicas into groups of one call each, the same whenever the same replicas are left."""
        limit = CPU_EDGES if self.device.type == "cpu" else EDGES[self.device.type]
        parts = batches(range(len(self.weights)), len(self.weights), self.weights.__getitem__, limit)
        self.groups = [self._make_group(part[0], part[-1] + 1) for part in parts]

    def _make_group(self, first: int, last: int) -> Group:
        sizes = torch.tensor(np.diff(self.starts)[first:last])
        cells = self.cells[first:last].reshape(-1, 3)
        fixed = element_tables(torch.cat(self.elements[first:last]), self.known, self.dtype) | {
            "cell": torch.tensor(cells, dtype=self.dtype),
            "batch": torch.repeat_interleave(torch.arange(len(sizes)), sizes),
            "ptr": torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(sizes, 0)]),
        }
        atoms = slice(int(self.starts[first]), int(self.starts[last]))
        return Group(atoms, slice(first, last), to(fixed, self.device))

    def _closest(self, squares: np.ndarray) -> np.ndarray:
        """Smallest distance in each replica from the squares of all listed ones."""
        closest = np.full(len(self.replicas), np.inf)
        some = self.bounds[1:] > self.bounds[:-1]
        if some.any():
            closest[some] = np.sqrt(np.minimum.reduceat(squares, self.bounds[:-1][some]))
        return closest
