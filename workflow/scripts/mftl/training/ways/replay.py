"""Multi-head fine-tuning: a second head goes on learning data of the parent, to keep the first from forgetting."""

import copy
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from ase import Atoms

from mftl import models
from mftl.datasets import Labelled, choose, read_sets, unlabelled
from mftl.extxyz import read_ids
from mftl.graphs import make_graph
from mftl.prediction import evaluate
from mftl.training.heads import Head

log = logging.getLogger(__name__)


def read(value: dict[str, Any], inputs: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """The ``data``, the ``weight`` of their loss and whose ``labels`` they have.

    ``value`` has the number of ``structures`` at most (None: all), the ``weight``, and ``labels`` if those of the
    parent model are wanted, which are not known here. ``inputs`` has files with labels, or with structures for the
    parent, as ``replay``, and, where their system is split, ``replay_split``, of which only the training set is used.
    """
    split, what = inputs.get("replay_split"), f"data to replay for {stage}"
    ids = read_sets(split)["training"] if split else read_ids(inputs["replay"][0])
    if labels := value.get("labels"):
        data = unlabelled(inputs["replay"], ids, value["structures"], what)
    else:
        data = choose(inputs["replay"], [(ids, None)], what)[0][: value["structures"]]
    return {"data": data, "weight": value["weight"], "labels": labels}


def change(heads: list[Head], value: dict[str, Any]) -> None:
    """Add a head, a copy of the first, that learns the ``data`` with a ``weight``.

    With ``labels: parent`` the data are labelled by the first, which is still the parent model.
    """
    model, data = heads[0].model, value["data"]
    if value.get("labels") == "parent":
        log.info("%d structures to replay are labelled by the parent model", len(data))
        data = labelled_by(model, data.structures)
    heads.append(Head(copy.deepcopy(model), data, value["weight"]))


def labelled_by(model: torch.nn.Module, structures: list[Atoms]) -> Labelled:
    """Structures with the energies, forces and, if all are periodic in three directions, stresses of a model.

    Raises InputError if one holds an element that the model does not know.
    """
    elements, periodic = models.model_elements(model), all(atoms.pbc.all() for atoms in structures)
    graphs = [make_graph(atoms, elements, float(model.r_max), models.model_dtype(model)) for atoms in structures]
    interaction, forces, stresses = evaluate(model, graphs, use_stress=periodic)
    assert forces is not None  # they are asked for
    energies = interaction + models.composition(structures, elements) @ models.reference_energies(model)
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    return Labelled(structures, energies, np.split(forces, ends), stresses)
