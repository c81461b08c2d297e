"""Distribution functions of simulations: of each, the mean over its frames; of several, the mean and its spread."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from mftl.observables.structure import angular_distribution, radial_distribution

RADIAL, ANGULAR = "rdf", "adf"


def of_simulations(frames: Iterable[Atoms], wanted: set[int], settings: dict) -> dict[str, list[np.ndarray]]:
    """For each of the ``wanted`` replicas, means over its frames of g(r) and of the distribution of angles.

    ``frames``: of all replicas, with ``info["replica"]`` and ``info["time_ps"]``; those before ``settings["skip"]`` ps
    are left out. The other settings are those of the figure: ``r_max``, ``r_bins``, ``shell``, ``angle_bins``.
    """
    sums: dict[int, dict[str, Any]] = {replica: {RADIAL: 0.0, ANGULAR: 0.0, "frames": 0} for replica in sorted(wanted)}
    for atoms in frames:
        if (replica := atoms.info["replica"]) not in sums or atoms.info["time_ps"] < settings["skip"]:
            continue
        own = sums[replica]
        own[RADIAL] = own[RADIAL] + radial_distribution(atoms, settings["r_max"], settings["r_bins"])[1]
        own[ANGULAR] = own[ANGULAR] + angular_distribution(atoms, settings["shell"], settings["angle_bins"])[1]
        own["frames"] += 1
    kept = [own for own in sums.values() if own["frames"]]
    return {kind: [own[kind] / own["frames"] for own in kept] for kind in (RADIAL, ANGULAR)}


def table(parts: list[tuple[dict, dict[str, list[np.ndarray]]]], settings: dict) -> pd.DataFrame:
    """Means and standard deviations over simulations: a row for each curve, size, function and distance or angle.

    ``parts``: what is known of some simulations (such as curve and value), and what ``of_simulations`` gives for them.
    Simulations of which the same is known are taken together; of none, there is no row.
    """
    middles = {
        RADIAL: (np.arange(settings["r_bins"]) + 0.5) * settings["r_max"] / settings["r_bins"],
        ANGULAR: (np.arange(settings["angle_bins"]) + 0.5) * 180.0 / settings["angle_bins"],
    }
    together: dict[tuple, dict[str, list[np.ndarray]]] = {}
    for known, found in parts:
        own = together.setdefault(tuple(known.items()), {RADIAL: [], ANGULAR: []})
        for kind in own:
            own[kind] += found[kind]
    rows = []
    for items, found in together.items():
        for kind, simulations in found.items():
            if simulations:
                values = {"function": kind, "x": middles[kind], "mean": np.mean(simulations, 0)}
                values |= {"std": np.std(simulations, 0), "simulations": len(simulations)}
                rows.append(pd.DataFrame(dict(items) | values))
    columns = [*dict(next(iter(together))), "function", "x", "mean", "std", "simulations"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
