"""Coupled-cluster data of sGDML (Chmiela et al., Nat. Commun. 9, 3887, 2018): one zip for each molecule.

Benzene, toluene, malonaldehyde and ethanol at CCSD(T), aspirin at CCSD. Each holds ``<molecule>_ccsd_t-train.npz`` and
``-test.npz`` (of aspirin ``_ccsd-``) with z (N,), R (n, N, 3) in Å, E (n,) or (n, 1) in kcal/mol and F (n, N, 3) in
kcal/mol/Å.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms, units

from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import ENERGY, FORCES, Progress

KCAL = units.kcal / units.mol  # eV


def read(paths: list[Path], count: int | None, seed: int, progress: Progress = iter) -> Iterator[Atoms]:
    """Yield a random sample of all molecules; see ``published.read``.

    ``info``: ``id`` (``benzene-train-0000``), ``molecule`` and ``set``, train or test as published.
    """
    sets = {}
    for path in paths:
        molecule = path.name.partition("_")[0]
        for part, data in _arrays(path).items():
            sets[molecule, part] = data
    entries = [
        (f"{molecule}-{part}-{i:04d}", molecule, part, i)
        for (molecule, part), data in sets.items()
        for i in range(len(data["R"]))
    ]
    for one, molecule, part, i in progress(sample(entries, count, seed)):
        data, info = sets[molecule, part], {"id": one, "molecule": molecule, "set": part}
        atoms = Atoms(numbers=data["z"].astype(int), positions=data["R"][i], info=info)
        atoms.info[ENERGY] = float(data["E"][i] * KCAL)
        atoms.arrays[FORCES] = data["F"][i] * KCAL
        yield atoms


def _arrays(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Arrays of the ``train`` and the ``test`` set of a molecule."""
    parts = {}
    try:
        with zipfile.ZipFile(path) as archive:
            # what macOS adds, __MACOSX/._<name>, holds no arrays
            names = [name for name in archive.namelist() if not Path(name).name.startswith("._")]
            for part in ("train", "test"):
                (member,) = (name for name in names if name.endswith(f"-{part}.npz"))
                with np.load(io.BytesIO(archive.read(member))) as data:
                    parts[part] = {key: np.array(data[key]) for key in "zREF"}
                _check(parts[part])
    except (zipfile.BadZipFile, EOFError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is not a whole zip archive with a -train.npz and a -test.npz of z, R, E, F ({error}); get it again"
        ) from None
    return parts


def _check(data: dict[str, np.ndarray]) -> None:
    """Make E of shape (n,); raise ValueError if arrays do not fit each other."""
    shape, data["E"] = (len(data["R"]), len(data["z"]), 3), data["E"].reshape(-1)
    if data["R"].shape != shape or data["F"].shape != shape or len(data["E"]) != shape[0]:
        raise ValueError(f"z, R, E, F have the shapes {', '.join(str(data[key].shape) for key in 'zREF')}")
