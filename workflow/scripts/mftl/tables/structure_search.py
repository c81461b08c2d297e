"""What becomes of random structures that models relax."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from tqdm import tqdm

from mftl.holes import closest, judged, random_structures
from mftl.models import fix_numerics, load_model
from mftl.relaxation import LOST, Moving, relax


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each model and structure: ``closest``, ``volume_A3``, ``energy_eV``, ``state``, ``steps``, ``hole``.

    Of the last round that each took part in; see ``mftl.holes`` and ``mftl.relaxation``.
    """
    fix_numerics()
    starts = settings["starts"]
    structures, names = [], []
    for one in starts["compositions"]:
        found = random_structures(one, starts["structures"], starts["volume"], starts["periodic"], starts["seed"])
        structures += found
        names += [one] * len(found)
    parts = []
    for run, path in tqdm(list(zip(settings["runs"], inputs["models"], strict=True)), unit="model"):
        model = load_model(path, head=run["head"])
        relaxed = _search(model, structures, settings)
        rows = [
            {
                "composition": name,
                "id": one.atoms.info["id"],
                "closest": closest(one.atoms),
                "volume_A3": one.atoms.get_volume() / len(one.atoms) if starts["periodic"] else np.nan,
                "energy_eV": one.energy / len(one.atoms),
                "state": one.state,
                "steps": one.steps,
            }
            for name, one in zip(names, relaxed, strict=True)
        ]
        known = {key: run[key] for key in ("curve", "value", "seed")}
        parts.append(judged(pd.DataFrame([known | row for row in rows])))
    return pd.concat(parts, ignore_index=True)


def _search(model: torch.nn.Module, structures: list[Atoms], settings: dict[str, Any]) -> list[Moving]:
    """What becomes of structures in all rounds; those that are lost in one do not take part in the next."""
    how, found = settings["how"], dict(enumerate(structures))
    ended: dict[int, Moving] = {}
    for number in range(how["rounds"]):
        if number:
            found = {k: ended[k].atoms.copy() for k in found if ended[k].state not in LOST}
            for k, atoms in found.items():
                atoms.rattle(how["rattle"], seed=1000 * number + k)
        if found:
            relaxed = relax(
                model, [*found.values()], how["steps"], how["max_force"], how["pressure"], settings["device"]
            )
            ended |= dict(zip(found, relaxed, strict=True))
    return [ended[k] for k in range(len(structures))]
