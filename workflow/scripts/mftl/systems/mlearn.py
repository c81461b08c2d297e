"""Si and Ge of mlearn at PBE (Zuo et al., J. Phys. Chem. A 124, 731, 2020): a training and a test set as JSON.

The files may be compressed by xz.

A list of structures as pymatgen writes them, with energy (eV) and forces (eV/Å) in ``outputs``.
"""

import json
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path

import numpy as np
from ase import Atoms

from mftl.extxyz import open_bytes, stem
from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress


def read(paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample; see ``published.read``.

    ``info``: ``id`` (``Si_training-000``), ``set`` (training or test) and ``group`` as published: AIMD-NVT, Vacancy,
    Elastic, Surface.
    """
    entries = []
    for path in paths:
        try:
            with open_bytes(path) as file:
                data = json.load(file)
        except (ValueError, EOFError, LZMAError) as error:
            raise InputError(f"{path} is not a whole JSON file ({error}); get it again") from None
        entries += [(f"{stem(path)}-{i:03d}", path, one) for i, one in enumerate(data)]
    for one, path, entry in progress(sample(entries, count, seed)):
        yield _labelled(path, one, entry)


def _labelled(path: Path, one: str, entry: dict) -> Atoms:
    try:
        sites = entry["structure"]["sites"]
        atoms = Atoms(
            [site["species"][0]["element"] for site in sites],
            [site["xyz"] for site in sites],
            cell=entry["structure"]["lattice"]["matrix"],
            pbc=True,
            info={"id": one, "set": stem(path).rpartition("_")[2], "group": entry.get("group", "")},
        )
        atoms.info[ENERGY] = float(entry["outputs"]["energy"])
        forces = np.array(entry["outputs"]["forces"], float)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: structure {one} is not as published: {type(error).__name__} {error}") from None
    if forces.shape != (len(atoms), 3):
        raise InputError(f"{path}: structure {one} has forces of shape {forces.shape}")
    atoms.arrays[FORCES] = forces
    return atoms
