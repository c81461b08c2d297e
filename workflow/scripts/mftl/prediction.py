"""Energies and forces of many structures from one model, in batches."""

import numpy as np
import torch
from ase import Atoms

from mftl import models
from mftl.graphs import collate, make_graph


def predict(
    model: torch.nn.Module, structures: list[Atoms], batch_size: int = 100, device: str = "cpu"
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Energies (n,) in eV and forces, n arrays (N, 3) in eV/Å, as float64.

    Reference energies are added in float64, so that a float32 model keeps its digits. Structures are batched by
    size, which wastes least memory, and returned in the order given.
    Raises InputError naming the structure that holds an element the model does not know.
    """
    target = models.find_device(device)
    model = model.to(target).eval()
    elements = models.model_elements(model)
    references = models.composition(structures, elements) @ models.reference_energies(model)
    energies = np.empty(len(structures))
    forces: list[np.ndarray] = [np.empty(0)] * len(structures)
    order = sorted(range(len(structures)), key=lambda i: len(structures[i]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        graphs = [make_graph(structures[i], elements, float(model.r_max), models.model_dtype(model)) for i in chosen]
        output = model(collate(graphs, target), training=False, compute_force=True)
        interaction = output["interaction_energy"].detach().double().cpu().numpy()
        parts = np.split(
            output["forces"].detach().double().cpu().numpy(), np.cumsum([len(structures[i]) for i in chosen])[:-1]
        )
        for i, energy, force in zip(chosen, interaction, parts, strict=True):
            energies[i] = references[i] + energy
            forces[i] = force
    return energies, forces
