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
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mftl.datasets import Labelled

log = logging.getLogger(__name__)
# they change what an epoch does only with `learning_rate_final`
LENGTH_SETTINGS = {"epochs", "min_steps", "patience"}


def fingerprint(description: dict[str, Any]) -> str:
    """A hash of all that decides what an epoch does: of JSON in which sets of labelled structures may stand."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, default=_contents).encode()).hexdigest()


def _contents(data: Labelled) -> str:
    digest = hashlib.sha256()
    for i, (atoms, energy) in enumerate(zip(data.structures, data.energies, strict=True)):
        more = [own[i] for own in (data.forces, data.stresses) if own is not None]
        for array in (atoms.numbers, atoms.positions, np.array(atoms.cell), np.asarray(energy), *more):
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
