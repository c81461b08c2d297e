"""Boxes of water: packmol places the molecules around a solute.

L. Martínez et al., J. Comput. Chem. 30, 2157 (2009). Releases differ in whether they know periodic boxes; all know
boxes. So the molecules are packed into a cube that is smaller than the cell by the distance that they must keep, and
keep it across the faces, too.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.io import read, write

from mftl.inputs import InputError
from mftl.structures import Structures

if TYPE_CHECKING:
    from mftl.pools.water_box import WaterBoxPool

HOW = "install it (pip install packmol, or of conda-forge or Debian) or set `packmol` to its path"
TIMEOUT = 1800  # s
SOLUTE, WATER, PACKED, INPUT = "solute.xyz", "water.xyz", "packed.xyz", "pack.inp"
DONE = "Success!"  # what it prints if all distances are kept


def filled(pool: "WaterBoxPool") -> Atoms:
    """The box of a pool: the solute's atoms first, in its middle, then O H H of each molecule of water.

    ``info``: ``id``, the pool's name, and ``solute``, how many atoms of it there are. The same seed gives the same box.
    Raises InputError if packmol is not there, or finds no place for all molecules, or if the solute is too large.
    """
    if (program := shutil.which(pool.packmol)) is None:
        raise InputError(f"{pool.name}: packmol: there is no program {pool.packmol}; {HOW}")
    solute = placed(pool)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / WATER, molecule("H2O"), format="xyz")
        if len(solute):
            write(Path(folder) / SOLUTE, solute, format="xyz")
        printed = _run(pool, program, folder, recipe(pool, bool(len(solute))))
        if DONE not in printed:
            last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip(" -*#=")), "nothing")
            raise InputError(
                f"{pool.name}: packmol found no place for {pool.waters} molecules of water in {pool.edge:g} Å and said "
                f"{last!r}; a larger `edge`, fewer `waters` or a smaller `apart` may do"
            )
        packed = read(Path(folder) / PACKED, format="xyz")
    if len(packed) != len(solute) + 3 * pool.waters:
        raise InputError(f"{pool.name}: packmol wrote {len(packed)} atoms, not {len(solute) + 3 * pool.waters}")
    water = packed[len(solute) :]
    atoms = solute + Atoms(water.numbers, water.positions)
    atoms.set_cell([pool.edge] * 3)
    atoms.pbc = True
    atoms.info = {"id": pool.name, "solute": len(solute)}
    return atoms


def placed(pool: "WaterBoxPool") -> Atoms:
    """The solute with the middle of its extent in that of the box; no atoms if there is none.

    Raises InputError if it is longer than the box.
    """
    if pool.solute is None:
        return Atoms()
    found = Structures(pool.solute).at(0)
    atoms = Atoms(found.numbers, found.positions)
    low, high = atoms.positions.min(0), atoms.positions.max(0)
    if (longest := float((high - low).max())) + pool.apart > pool.edge:
        raise InputError(
            f"{pool.name}: edge: got {pool.edge}; valid: more than {longest + pool.apart:.1f} Å: {pool.solute}"
        )
    atoms.positions += pool.edge / 2 - (low + high) / 2
    return atoms


def recipe(pool: "WaterBoxPool", solute: bool) -> str:
    """The input of packmol."""
    low, high = pool.apart / 2, pool.edge - pool.apart / 2
    lines = [f"tolerance {pool.apart}", f"seed {pool.seed}", "filetype xyz", f"output {PACKED}"]
    if solute:
        lines += [f"structure {SOLUTE}", "  number 1", "  fixed 0. 0. 0. 0. 0. 0.", "end structure"]
    lines += [f"structure {WATER}", f"  number {pool.waters}"]
    lines += [f"  inside box {low} {low} {low} {high} {high} {high}", "end structure"]
    return "\n".join(lines) + "\n"


def lattice(pool: "WaterBoxPool") -> Atoms:
    """As many molecules of water in a cube of the same density on a lattice, for measuring what a step costs."""
    places = int(np.ceil(pool.waters ** (1 / 3)))
    atoms, edge = Atoms(), pool.edge / places
    for k in range(pool.waters):
        one = molecule("H2O")
        one.positions += edge * np.array(np.unravel_index(k, (places,) * 3))
        atoms += one
    atoms.set_cell([pool.edge] * 3)
    atoms.pbc = True
    atoms.info = {"id": pool.name}
    return atoms


def _run(pool: "WaterBoxPool", program: str, folder: str, text: str) -> str:
    """What packmol prints."""
    path = Path(folder) / INPUT
    path.write_text(text, encoding="utf-8")
    try:
        with path.open() as file:  # not a pipe: it reads its input twice
            done = subprocess.run(
                [program], stdin=file, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
    except subprocess.TimeoutExpired:
        raise InputError(f"{pool.name}: packmol took longer than {TIMEOUT} s; a larger `edge` may do") from None
    return done.stdout + done.stderr
