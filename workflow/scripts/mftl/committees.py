"""A committee of models that differ in their seeds: their mean, and how far it may be off by how far they are apart.

The spread s of M members (ddof 1) is scaled so that 68 % of the errors on test structures lie within it: by the
quantile of |error| / s, whose mean square does not exist for three members (arXiv:2107.07511, ``mftl.calibration``).
Spreads level off far from the data, where errors go on growing.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mftl import calibration
from mftl.inputs import InputError

FILE = "committee.json"
LEVEL = calibration.LEVELS[0]
FLOOR = 0.05  # quantile of spreads below which none counts: members may agree on an atom by chance


@dataclass(frozen=True)
class Committee:
    """Files of its members, the factors of spreads, and on how many test structures these rest: 0 if on none.

    ``least_energy`` (eV/atom) and ``least_forces`` (eV/Å) are the smallest spreads that count.
    """

    members: tuple[str, ...]
    energy_factor: float = 1.0
    forces_factor: float = 1.0
    least_energy: float = 0.0
    least_forces: float = 0.0
    structures: int = 0

    def energy(self, energies: np.ndarray, atoms: int) -> tuple[float, float]:
        """Mean and uncertainty (eV) of a structure's energies (M,) by the members."""
        spread = max(float(energies.std(ddof=1)), self.least_energy * atoms)
        return float(energies.mean()), self.energy_factor * spread

    def forces(self, forces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (N, 3) of forces (M, N, 3), and the uncertainty of a component of the force on each atom (N,), eV/Å."""
        return forces.mean(0), self.forces_factor * np.maximum(spreads(forces), self.least_forces)

    def write(self, folder: str | Path) -> None:
        """Write it beside its members."""
        text = json.dumps(asdict(self) | {"level": LEVEL}, indent=1)
        (Path(folder) / FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: str | Path) -> "Committee":
        """The committee in a folder. Raises InputError if there is none, or if it has one member."""
        path = Path(folder) / FILE
        if not path.is_file():
            raise InputError(f"{path} is not there; `snakemake export` writes a committee into results/export/<curve>/")
        values = json.loads(path.read_text(encoding="utf-8"))
        del values["level"]
        found = cls(**values | {"members": tuple(values["members"])})
        if len(found.members) < 2:
            raise InputError(f"{path}: one model has no spread; valid: a curve of at least two seeds")
        return found


def spreads(forces: np.ndarray) -> np.ndarray:
    """Root mean square over components of the standard deviations of forces (M, N, 3) by members, (N,)."""
    return np.sqrt(forces.var(axis=0, ddof=1).mean(-1))


def floored(spread: np.ndarray) -> np.ndarray:
    """Spreads (n,), none smaller than all but a few are."""
    return np.maximum(spread, np.quantile(spread, FLOOR))


def calibrated(members: tuple[str, ...], predictions: str | Path, recipe: str) -> Committee:
    """A committee of all seeds of a recipe, from a file that the rule ``predict`` wrote.

    Where the test set has too few structures to tell, spreads stay as they are.
    """
    with np.load(predictions) as stored:
        data = dict(stored)
    own = data["recipe"] == recipe
    if own.sum() < 2:
        return Committee(members)
    energies, sizes = data["energies"][own], data["sizes"]
    spread = energies.std(axis=0, ddof=1) / sizes
    least_energy = float(np.quantile(spread, FLOOR))
    errors = (energies.mean(0) - data["reference_energies"]) / sizes
    try:
        factor = calibration.conformal(errors, np.maximum(spread, least_energy), LEVEL)
    except InputError:
        return Committee(members)
    if "reference_forces" not in data:
        return Committee(members, factor, 1.0, least_energy, 0.0, len(sizes))
    forces = data["forces"][own]
    spread = spreads(forces)
    least_forces = float(np.quantile(spread, FLOOR))
    off = (forces.mean(0) - data["reference_forces"]).ravel()
    of_component = np.repeat(np.maximum(spread, least_forces), 3)
    return Committee(
        members, factor, calibration.conformal(off, of_component, LEVEL), least_energy, least_forces, len(sizes)
    )
