"""The model that a stage starts from: random weights, or a parent model adapted to new data."""

import logging

import numpy as np
import torch

from mftl import models
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
from mftl.graphs import make_graph
from mftl.training.heads import fitted_shift, make_graphs

log = logging.getLogger(__name__)


def start_model(
    data: Labelled, architecture: Architecture, elements: list[str], settings: Training, seed: int
) -> torch.nn.Module:
    """A model with random weights whose reference energies and scale are fitted to the training set."""
    dtype = models.DTYPES[settings.dtype]
    numbers = models.numbers(elements)
    graphs = [make_graph(atoms, numbers, architecture.cutoff, dtype) for atoms in data.structures]
    neighbors = sum(g.edge_index.shape[1] for g in graphs) / sum(len(g.positions) for g in graphs)
    model = models.build_model(architecture, elements, neighbors, 1.0, seed, dtype)
    fit_start(model, data, settings)
    return model


def fit_start(model: torch.nn.Module, data: Labelled, settings: Training) -> None:
    """Fit reference energies and scale of a model with random weights to a training set."""
    counts = models.composition(data.structures, models.model_elements(model))
    models.set_reference_energies(model, models.fit_reference_energies(counts, data.energies))
    model.scale_shift.scale.fill_(interaction_scale(data, settings))


def interaction_scale(data: Labelled, settings: Training) -> float:
    """The scale of the interaction energy, eV: root mean square force component, or spread of the energies per atom.

    The larger counts: forces vanish in perfect crystals, and may be unknown, or not looked at by training on energies
    alone.
    """
    counts = models.composition(data.structures, models.numbers(sorted(symbols_of(data))))
    rest = data.energies - counts @ models.fit_reference_energies(counts, data.energies)
    scale = float(np.std(rest / counts.sum(1)))
    if settings.forces_weight > 0 and data.forces is not None:
        scale = max(scale, float(np.sqrt(np.mean(np.concatenate(data.forces) ** 2))))
    return scale or 1.0


def adapt_parent(model: torch.nn.Module, data: Labelled, settings: Training) -> None:
    """Refit a parent model's reference energies to what it leaves of the training set's energies.

    Cutoff, neighbour number and weights stay the parent's, and so does the scale unless ``settings.rescale``.
    Elements that no structure holds keep the parent's reference energies.
    """
    if settings.rescale:
        model.scale_shift.scale.fill_(interaction_scale(data, settings))
        model.scale_shift.shift.zero_()
    shift = fitted_shift(model, data, make_graphs(model, data))
    models.set_reference_energies(model, models.reference_energies(model) + shift)
    names, seen = models.symbols(models.model_elements(model)), symbols_of(data)
    shifts = [f"{name} {value:+.3f}" for name, value in zip(names, shift, strict=True) if name in seen]
    log.info("reference energies refitted, eV: %s", ", ".join(shifts))


def symbols_of(data: Labelled) -> set[str]:
    """Chemical symbols of all atoms."""
    return {symbol for atoms in data.structures for symbol in atoms.get_chemical_symbols()}
