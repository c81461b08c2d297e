"""Root mean square deviation of a trajectory from its first frame, each frame superposed on it."""

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial.transform import Rotation


def superposed(positions: np.ndarray, reference: np.ndarray) -> float:
    """RMSD (Å) of positions (N, 3) from a reference (N, 3) after the best translation and rotation (Kabsch).

    W. Kabsch, Acta Cryst. A 32, 922 (1976). All atoms have the same weight; mirror images are not superposed.
    """
    own, other = positions - positions.mean(0), reference - reference.mean(0)
    if len(own) < 2:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of atoms in a row many rotations are the best
        _, root = Rotation.align_vectors(other, own)  # of the sum of squares
    return float(root / np.sqrt(len(own)))


def of_simulations(
    frames: Iterable[Atoms], atoms: str = "heavy", skip: float = 0.0, first_atoms: int | None = None
) -> pd.DataFrame:
    """A row for each replica and frame: ``replica``, ``time_ps`` and ``rmsd_A`` from the replica's first frame.

    ``frames``: of all replicas, unwrapped, with ``info["replica"]`` and ``info["time_ps"]``; those before ``skip`` ps
    are left out, but the first one of all is what they are compared with. ``atoms``: all, or heavy ones;
    ``first_atoms``: only among the first so many, such as a solute's (None: all).
    """
    first: dict[int, np.ndarray] = {}
    rows = []
    for one in frames:
        replica, now = int(one.info["replica"]), float(one.info["time_ps"])
        own = one[:first_atoms]
        chosen = own.positions if atoms == "all" else own.positions[own.numbers != 1]
        reference = first.setdefault(replica, chosen.copy())
        if now < skip:
            continue
        value = superposed(chosen, reference) if np.isfinite(chosen).all() else np.nan
        rows.append({"replica": replica, "time_ps": now, "rmsd_A": round(value, 5)})
    return pd.DataFrame(rows, columns=["replica", "time_ps", "rmsd_A"])  # none, if all failed before `skip`


def smoothed(times: np.ndarray, values: np.ndarray, window: float) -> np.ndarray:
    """Running means over a centred window (ps); at the ends over what there is of it."""
    if window <= 0:
        return values
    low = np.searchsorted(times, times - window / 2, "left")
    high = np.searchsorted(times, times + window / 2, "right")
    total = np.concatenate([[0.0], np.cumsum(values)])
    return (total[high] - total[low]) / (high - low)
