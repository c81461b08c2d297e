"""Heads: models that learn together, each from data of its own; what is written is the first.

Heads have all weights but their readouts in common. Most stages have one head.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch

from mftl import models
from mftl.config.training import Training
from mftl.datasets import Labelled
from mftl.graphs import Graph, make_graph
from mftl.lean import find_forward
from mftl.prediction import evaluate
from mftl.training.adjustment import Adjustment

OWN = ("atomic_energies_fn", "scale_shift", "readouts")  # what two heads do not share


@dataclass(eq=False)
class Head:
    """A model, the structures it learns from, and the weight of their loss.

    ``prepare`` fills in, when the model is ready for the first step, ``graphs`` of the structures, ``references``, the
    reference energies (eV, shape (elements,)) that the graphs' energies are relative to, ``adjustment``, if scale or
    shift learn, and ``forward``, what computes energies and forces with the weights of both.
    """

    model: torch.nn.Module
    data: Labelled
    weight: float = 1.0
    graphs: list[Graph] = field(default_factory=list)
    references: np.ndarray = field(default_factory=lambda: np.empty(0))
    adjustment: Adjustment | None = None
    forward: Callable[..., dict[str, torch.Tensor]] = field(init=False, repr=False)

    def learns_forces(self, settings: Training) -> bool:
        """Whether forces are wanted, and its structures have them."""
        return settings.forces_weight > 0 and self.data.forces is not None

    def learns_stress(self, settings: Training) -> bool:
        """Whether stress is wanted, and all its structures have one."""
        return settings.stress_weight > 0 and self.data.stresses is not None

    @property
    def parts(self) -> list[torch.nn.Module]:
        """What has weights: the model, and the adjustment if there is one."""
        return [self.model, *([self.adjustment] if self.adjustment else [])]

    def prepare(self, settings: Training) -> str:
        """See the class; returns what computes and why, for the log."""
        self.references = models.reference_energies(self.model)
        self.graphs = make_graphs(self.model, self.data)
        self.forward, how = find_forward(self.model, self.learns_stress(settings))
        if settings.learning_rate_scale or settings.learning_rate_shift:
            self.adjustment = Adjustment(self.model)
            self.forward = self.adjustment.adjusted(self.forward)
        return how


def share_weights(model: torch.nn.Module, other: torch.nn.Module) -> None:
    """Make two copies of a model two heads of one: only readouts, scale and reference energies stay their own."""
    for name, child in model.named_children():
        if name not in OWN:
            setattr(other, name, child)


def make_graphs(model: torch.nn.Module, data: Labelled) -> list[Graph]:
    """Graphs of labelled structures, with energies relative to the model's reference energies.

    Raises InputError if a structure holds an element that the model does not know.
    """
    elements = models.model_elements(model)
    interaction = data.energies - models.composition(data.structures, elements) @ models.reference_energies(model)
    every = cast(list[np.ndarray | None], data.forces) or [None] * len(data)
    stresses = [None] * len(data) if data.stresses is None else list(data.stresses)
    return [
        make_graph(atoms, elements, float(model.r_max), models.model_dtype(model), float(energy), forces, stress)
        for atoms, energy, forces, stress in zip(data.structures, interaction, every, stresses, strict=True)
    ]


def fitted_shift(
    model: torch.nn.Module,
    data: Labelled,
    graphs: list[Graph],
    forward: Callable[..., dict[str, torch.Tensor]] | None = None,
) -> np.ndarray:
    """What must be added to the reference energies (eV, shape (elements,)) for a model to meet the energies best.

    Elements that no structure holds get zero (the minimum-norm solution).
    """
    energies, *_ = evaluate(model, graphs, use_forces=False, forward=forward)
    counts = models.composition(data.structures, models.model_elements(model))
    return models.fit_reference_energies(counts, [g.energy for g in graphs] - energies)
