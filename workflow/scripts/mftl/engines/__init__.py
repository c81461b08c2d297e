"""Engines: programs that compute the energy and the forces of a structure.

To add one, write a module like those beside this file and enter it in ``ENGINES``. A module has

- ``installed(settings)``: None if the engine can run, else a line that says how to install it;
- ``files(settings, elements)``: the files that labels depend on besides the structures;
- ``label(atoms, settings)``: a ``Label``; raises ``Failure`` if the method fails for this one structure, and
  ``InputError`` if it cannot work for any like it.

``settings`` is the level's section of the configuration. Engine modules import ASE and the engine's own package only
inside functions that compute: the Snakefile asks ``installed`` and ``files`` on every call, where neither may be there.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mftl.inputs import InputError

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

ENGINES = {
    "tblite": "tblite",
    "dftb+": "dftbplus",
    "pyscf-dft": "pyscf_dft",
    "pyscf-ccsd(t)": "pyscf_ccsdt",
}


class Failure(RuntimeError):
    """The method fails for one structure, and would again; the message is the reason."""


@dataclass(frozen=True)
class Label:
    """Energy in eV, forces (N, 3) in eV/Å, and other numbers worth keeping with the structure."""

    energy: float
    forces: "np.ndarray"
    extra: dict[str, float] = field(default_factory=dict)


def engine(name: str) -> ModuleType:
    """The module of an engine, by its name in the configuration."""
    return import_module(f"mftl.engines.{ENGINES[name]}")


def require_molecule(atoms: "Atoms", name: str) -> None:
    """Raise InputError for a periodic structure, which the engine ``name`` cannot label."""
    if atoms.pbc.any():
        raise InputError(f"structure {atoms.info.get('id')} is periodic; the engine {name} labels molecules only")


def require_closed_shell(atoms: "Atoms") -> None:
    """Raise Failure if a neutral structure has an odd number of electrons: restricted methods cannot treat it."""
    if atoms.numbers.sum() % 2:
        raise Failure(f"{atoms.get_chemical_formula()} has an odd number of electrons; the method is for closed shells")


def source_files(name: str) -> list[Path]:
    """The code that makes an engine's labels."""
    return [Path(__file__).parent / f"{ENGINES[name]}.py"]


def content_hash(files: Iterable[str | Path]) -> str:
    """A hash of the contents of files, whatever their names."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(Path(file).read_bytes()).digest())
    return digest.hexdigest()[:16]
