"""The state of a run: how far it has come, whose it is, and how it is kept.

It is written at the end of epochs, under its name only when whole. A run that finds the state of an identical run
(same settings, data, parent, kind of device and code) continues it. On a CPU it ends with the same bits as one that
was never interrupted; a GPU adds in another order each time. How long to train is not part of that identity: a longer
run continues a shorter one. With ``learning_rate_final`` it is.
"""

import hashlib
import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mftl.datasets import Labelled

log = logging.getLogger(__name__)
LENGTH_SETTINGS = {"epochs", "min_steps"}  # they change what an epoch does only with `learning_rate_final`


@dataclass
class Progress:
    """How far a run has come, apart from its tensors."""

    epoch: int = 0
    step: int = 0
    validated_step: int = 0
    extra_validation: int = 0  # the epoch, if the last planned one was validated though none was due
    best_score: float = float("inf")
    best_epoch: int = 0
    validations_since_best: int = 0
    best_is_final: bool = False  # patience ran out, or all planned epochs are done
    history: list[dict] = field(default_factory=list)

    def is_best(self, score: float, patience: int) -> bool:
        """Whether the score of this epoch is the best so far; after ``patience`` others the best one is final."""
        if score < self.best_score:
            self.best_score, self.best_epoch, self.validations_since_best = score, self.epoch, 0
            return True
        self.validations_since_best += 1
        self.best_is_final = self.validations_since_best >= patience
        return False

    def plan_anew(self, planned_epochs: int, patience: int) -> None:
        """Reopen the search for the best epoch, if it ended with the epochs of an older, shorter plan."""
        if self.best_is_final and self.validations_since_best < patience:
            self.best_is_final = self.epoch >= planned_epochs

    def astray(self, planned_epochs: int, target: int, missing: list[int]) -> str | None:
        """Why this run does not lead to ``target`` epochs and the ``missing`` snapshots; None if it does."""
        if self.extra_validation not in (0, planned_epochs):
            return "was planned for another number of epochs"
        if missing or self.best_epoch > target:
            return f"went past epoch {min([*missing, target])}"
        return None


def fingerprint(description: dict[str, Any]) -> str:
    """A hash of all that decides what an epoch does: of JSON in which sets of labelled structures may stand."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, default=_contents).encode()).hexdigest()


def _contents(data: Labelled) -> str:
    digest = hashlib.sha256()
    for atoms, energy, forces in zip(data.structures, data.energies, data.forces, strict=True):
        for array in (atoms.numbers, atoms.positions, np.array(atoms.cell), np.asarray(energy), forces):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write all that a resumed run needs, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def read_state(path: Path, identity: str) -> dict[str, Any] | None:
    """The state of a run with this identity, its tensors on the CPU; None, and a line in the log, if there is none."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # a damaged file costs time, not results
        log.warning("%s cannot be read (%s): training starts anew", path, error)
        return None
    if state["identity"] != identity:
        log.info("%s belongs to another run: training starts anew", path)
        return None
    return state
