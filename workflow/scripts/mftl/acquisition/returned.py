"""Labels that come back from a user's own calculations: many files, each known by an id, merged into one level."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.geometry import find_mic
from ase.io import iread

from mftl.acquisition.names import ids_of
from mftl.config.levels import ReturnedLevel
from mftl.extxyz import is_extxyz
from mftl.inputs import InputError
from mftl.labels import MAX_SHIFT, matched, wanted
from mftl.states import COLUMNS
from mftl.structures import Structures, with_label

log = logging.getLogger(__name__)


def collect_returned(
    pool: Structures, level: ReturnedLevel, files: Sequence[str | Path]
) -> tuple[Iterator[Atoms], pd.DataFrame]:
    """Labels and states of a level from output files, in the pool's order.

    A structure of extended XYZ is known by its ``id``; any other file, of one structure, by the name of its folder or
    its own. An output that cannot be read, or has no energy, is a failure with that reason, unless another file has
    the label; what ``asked`` holds and no file has is missing, a failure too. Atoms may be in another order, as some
    programs sort them, and in another periodic image. Raises InputError, naming files and id, if two files hold a label
    of one structure, a label is of no structure of the pool or of another geometry, or a file is of none that is known.
    """
    found: dict[str, tuple[Path, Atoms]] = {}
    failed: dict[str, str] = {}
    names = ids_of(pool.ids)
    for path in map(Path, files):
        for one, atoms in _read(path, level, names):
            if one not in pool:
                raise InputError(f"{path}: {one} is not in the pool")
            if isinstance(atoms, str):
                failed[one] = atoms
            elif one in found:
                both = f"{found[one][0]} and {path} hold" if found[one][0] != path else f"{path} holds twice"
                raise InputError(f"{both} a label of {one}; leave one of them out")
            else:
                found[one] = path, atoms
    if level.asked:
        for one in Structures(level.asked).ids:
            if one not in pool:
                raise InputError(f"{level.asked}: {one} is not in the pool")
            failed.setdefault(one, "no output came back")
    rows, ids = [], wanted(pool, level)
    for one in ids:
        if one in found:
            rows.append((one, "done", "", "", "", "", np.nan))
        elif one in failed:
            rows.append((one, "failed", failed[one], "", "", "", np.nan))
            log.warning("%s: %s", one, failed[one])
    if not rows:
        raise InputError(f"no structure in {', '.join(level.outputs)}")
    done = (one for one in ids if one in found)
    labelled = (matched(pool[one], aligned(pool[one], found[one][1]), found[one][0]) for one in done)
    return labelled, pd.DataFrame(rows, columns=COLUMNS)


def _read(path: Path, level: ReturnedLevel, names: dict[str, str]) -> Iterator[tuple[str, Atoms | str]]:
    """Ids with labelled structures, or with the reason why there is no label."""
    keys = level.energy_key, level.forces_key
    if is_extxyz(path):
        structures = Structures(path)
        for one in structures.ids:
            yield one, _labelled(structures[one], keys, path, one)
        return
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    known = next((names[part] for part in (path.stem, path.name, path.parent.name) if part in names), None)
    images: list[Atoms] = []
    try:
        images = list(iread(path))
        reason = f"{path.name} holds {len(images)} structures, not one"
    except Exception as error:  # ASE's readers raise whatever their parsing runs into
        reason = f"{path.name} cannot be read: {' '.join(str(error).split())[:200] or type(error).__name__}"
    if len(images) == 1 and "id" in images[0].info:
        known = str(images[0].info["id"])
    if known is None:
        raise InputError(f"{path}: of which structure is it? Neither it nor its folder has the name of one of the pool")
    yield known, _labelled(images[0], keys, path, known) if len(images) == 1 else reason


def _labelled(atoms: Atoms, keys: tuple[str, str | None], path: Path, one: str) -> Atoms | str:
    atoms.info["id"] = one
    try:
        return with_label(atoms, *keys, path.name)
    except InputError as error:
        return str(error)


def aligned(own: Atoms, atoms: Atoms) -> Atoms:
    """The atoms in the order and the images of a pool's structure, where that is all that differs; else as they are."""
    if len(own) != len(atoms) or sorted(own.numbers) != sorted(atoms.numbers):
        return atoms
    new = atoms.copy()
    if not own.pbc.any():
        new.pbc, new.cell = own.pbc, own.cell  # a box that a program put around a molecule
    elif (new.pbc != own.pbc).any() or np.abs(own.cell - new.cell).max() > MAX_SHIFT:
        return new
    vectors = new.positions[None] - own.positions[:, None]
    lengths = find_mic(vectors.reshape(-1, 3), own.cell, own.pbc)[1].reshape(len(own), len(own))
    lengths[own.numbers[:, None] != new.numbers[None]] = np.inf
    places = lengths.argmin(1)
    near = lengths[np.arange(len(own)), places]
    if len(set(places)) < len(own) or near.max() > MAX_SHIFT:
        return new
    new = new[places]
    new.positions = own.positions
    new.info = atoms.info
    return new
