"""Training, validation and test sets: labelled structures chosen by id."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from mftl.inputs import InputError
from mftl.structures import ENERGY, FORCES, STRESS, Structures


@dataclass
class Labelled:
    """Structures with their labels at one level: ``energies`` (n,) in eV, ``forces`` n arrays (N, 3) in eV/Å.

    ``forces`` is None at a level that has energies alone, ``stresses`` (n, 3, 3) in eV/Å³ where not all have one.
    """

    structures: list[Atoms]
    energies: np.ndarray
    forces: list[np.ndarray] | None
    stresses: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.structures)

    def __getitem__(self, part: slice) -> "Labelled":
        forces = None if self.forces is None else self.forces[part]
        stresses = None if self.stresses is None else self.stresses[part]
        return Labelled(self.structures[part], self.energies[part], forces, stresses)


def read_sets(path: str | Path) -> dict[str, list[str]]:
    """Ids of the ``training``, ``validation`` and ``test`` set of a system, each in its fixed order."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def choose(
    labels: list[str | Path], requests: list[tuple[list[str], int | None]], what: str = "the set"
) -> list[Labelled]:
    """Choose sets of labelled structures from one file of labels, or from two for a difference level.

    ``labels``: one file, or those of the high and the low level, whose difference is then the label. A request is a
    list of ids and how many of those that are labelled to take, in order; None takes all. Forces are those of levels
    that all have them.
    Raises InputError if a request cannot be met.
    """
    files = [Structures.labelled(path) for path in labels]
    known = set.intersection(*(set(one.ids) for one in files))
    chosen = []
    for ids, count in requests:
        ids = [one for one in ids if one in known]
        if not ids or (count and len(ids) < count):
            raise InputError(
                f"{what}: {count or 'some'} structures wanted, but only {len(ids)} are labelled in {labels}"
            )
        chosen.append(_labelled(files, ids[:count]))
    return chosen


def unlabelled(files: list[str | Path], ids: list[str], count: int | None, what: str = "the set") -> Labelled:
    """Structures that all of some files hold, at most ``count``, in the order of the ids; their energies are nan.

    Raises InputError if there is none.
    """
    first, *others = (Structures(path) for path in files)
    known = [one for one in ids if one in first and all(one in other for other in others)]
    if not known:
        raise InputError(f"{what}: some structures wanted, but none of them is in {files}")
    chosen = [first[one] for one in known[:count]]
    return Labelled(chosen, np.full(len(chosen), np.nan), None)


def _labelled(files: list[Structures], ids: list[str]) -> Labelled:
    structures, energies = [], []
    stresses: list[np.ndarray] = []
    forces: list[np.ndarray] | None = [] if all(file.has_forces for file in files) else None
    for one in ids:
        high, *others = (file[one] for file in files)
        structures.append(high)
        energies.append(high.info[ENERGY] - sum(low.info[ENERGY] for low in others))
        if forces is not None:
            forces.append(high.arrays[FORCES] - sum(low.arrays[FORCES] for low in others))
        if all(STRESS in one.info for one in (high, *others)):
            stresses.append(high.info[STRESS] - sum(low.info[STRESS] for low in others))
    every = np.array(stresses, dtype=float) if len(stresses) == len(ids) else None
    return Labelled(structures, np.array(energies, dtype=float), forces, every)
