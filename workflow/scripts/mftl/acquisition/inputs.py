"""Inputs for programs that compute labels, a folder for each structure, by ASE's writers."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.io.orca import write_orca
from ase.io.vasp import write_vasp

from mftl.acquisition import pyscf_script
from mftl.acquisition.names import folder_of
from mftl.config.selections import OrcaInputs, PyscfInputs, VaspInputs
from mftl.inputs import InputError
from mftl.structures import write_structures

Row = tuple[str, str]  # id, folder


def write(program: str, settings: Any, structures: Iterable[Atoms], folder: str | Path) -> pd.DataFrame:
    """Write inputs of a program (``orca``, ``vasp``, ``pyscf``) for structures with ids into a folder.

    Returns ``id`` and ``folder`` of each. Nothing else that lies there is touched: it may be what was computed.
    Raises InputError naming a structure that the program is not asked for: crystals with ORCA and PySCF, molecules
    with VASP.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = WRITERS[program](settings, structures, folder)
    return pd.DataFrame(rows, columns=["id", "folder"])


def _orca(settings: OrcaInputs, structures: Iterable[Atoms], folder: Path) -> list[Row]:
    """``<id>/orca.inp``; an output beside it, of any name, is known by the folder."""
    params = {"orcasimpleinput": settings.simple, "orcablocks": settings.blocks}
    params |= {"charge": settings.charge, "mult": settings.multiplicity}  # type: ignore[dict-item] # ASE's own names
    rows = []
    for atoms in structures:
        _require(atoms, False, "orca")
        plain = Atoms(atoms.numbers, atoms.positions)  # a tag could make an atom a ghost
        rows.append((atoms.info["id"], str(own := _own(folder, atoms))))
        with (own / "orca.inp").open("w", encoding="utf-8") as file:
            write_orca(file, plain, params)
    return rows


def _vasp(settings: VaspInputs, structures: Iterable[Atoms], folder: Path) -> list[Row]:
    """``<id>/INCAR``, ``KPOINTS`` and ``POSCAR``, atoms sorted by element; ``elements`` says which POTCARs to join."""
    incar = "".join(f"{key} = {_tag(value)}\n" for key, value in settings.incar.items())
    rows = []
    for atoms in structures:
        _require(atoms, True, "vasp")
        rows.append((atoms.info["id"], str(own := _own(folder, atoms))))
        (own / "INCAR").write_text(incar, encoding="utf-8")
        lengths = np.linalg.norm(atoms.cell.reciprocal(), axis=1)
        points = [
            max(1, int(np.ceil(settings.k_point_density * one * 2 * np.pi - 1e-9))) if periodic else 1
            for one, periodic in zip(lengths, atoms.pbc, strict=True)
        ]
        mesh = f"by density\n0\nGamma\n{' '.join(map(str, points))}\n0 0 0\n"
        (own / "KPOINTS").write_text(mesh, encoding="utf-8")
        write_vasp(own / "POSCAR", Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc), sort=True)
        elements = sorted(set(atoms.get_chemical_symbols()))
        (own / "elements").write_text(" ".join(elements) + "\n", encoding="utf-8")
    return rows


def _pyscf(settings: PyscfInputs, structures: Iterable[Atoms], folder: Path) -> list[Row]:
    """``structures.extxyz`` and ``label.py``, which writes ``labelled.extxyz``."""
    chosen = list(structures)
    for atoms in chosen:
        _require(atoms, False, "pyscf")
    write_structures(folder / "structures.extxyz", chosen)
    text = Path(pyscf_script.__file__).read_text(encoding="utf-8")
    for key, value in settings.model_dump().items():
        old = f"{key.upper()} = {json.dumps(getattr(pyscf_script, key.upper()))}\n"
        if text.count(old) != 1:
            raise RuntimeError(f"{pyscf_script.__file__} has no line {old!r}")
        text = text.replace(old, f"{key.upper()} = {value!r}\n")
    (folder / "label.py").write_text(text, encoding="utf-8")
    return [(atoms.info["id"], str(folder)) for atoms in chosen]


WRITERS: dict[str, Callable[[Any, Iterable[Atoms], Path], list[Row]]] = {"orca": _orca, "vasp": _vasp, "pyscf": _pyscf}


def _own(folder: Path, atoms: Atoms) -> Path:
    found = folder / folder_of(atoms.info["id"])
    found.mkdir(exist_ok=True)
    return found


def _require(atoms: Atoms, periodic: bool, program: str) -> None:
    if atoms.pbc.any() != periodic:
        kinds = "crystals" if periodic else "molecules"
        other = "a molecule" if periodic else "periodic"
        raise InputError(f"structure {atoms.info['id']} is {other}; inputs for {program} are of {kinds}")


def _tag(value: Any) -> str:
    if isinstance(value, bool):
        return f".{str(value).upper()}."
    return " ".join(map(_tag, value)) if isinstance(value, list) else str(value)
