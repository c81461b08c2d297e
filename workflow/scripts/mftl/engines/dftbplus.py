"""DFTB with the program dftb+ (Hourahine et al., J. Chem. Phys. 152, 124101, 2020), one process for each structure.

The label is the Mermin free energy: at a finite electronic temperature the forces are its derivative, not that of the
total energy. All that changes energies is written out and nothing is left to the program's defaults: shells missing
from ``MaxAngularMomentum`` shift molecules with S or Cl by up to 8 eV, and ``ShellResolvedSCC`` by up to 2 eV.
"""

import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mftl.config import DftbLevel
from mftl.engines import Failure, Label, require_molecule
from mftl.inputs import InputError

if TYPE_CHECKING:
    from ase import Atoms

HIGHEST_SHELL = {"H": "s", "C": "p", "N": "p", "O": "p", "S": "d", "Cl": "d", "Si": "d", "Ge": "d", "W": "d"}
TIME_LIMIT = 600  # s, for one structure

INPUT = """\
Geometry = GenFormat {{
{geometry}
}}
Hamiltonian = DFTB {{
  SCC = Yes
  SCCTolerance = {scc_tolerance}
  MaxSCCIterations = {max_scc_iterations}
  ShellResolvedSCC = {shell_resolved_scc}
  MaxAngularMomentum {{
{shells}
  }}
  Filling = Fermi {{ Temperature [Kelvin] = {temperature} }}
  SlaterKosterFiles = Type2FileNames {{
    Prefix = "{folder}/"
    Separator = "-"
    Suffix = ".skf"
  }}
}}
Options {{ WriteResultsTag = Yes }}
Analysis {{ PrintForces = Yes }}
ParserOptions {{ ParserVersion = 14 }}
"""


def installed(settings: DftbLevel) -> str | None:
    """None if the program is found, else how to install it."""
    if shutil.which(settings.command):
        return None
    return f"no program {settings.command!r}; conda install dftbplus, or set `command` to where it is"


def files(settings: DftbLevel, elements: list[str]) -> list[Path]:
    """The Slater-Koster tables of all pairs of elements, as far as they exist; ``label`` misses those it needs."""
    tables = (Path(settings.slater_koster) / f"{a}-{b}.skf" for a, b in product(elements, repeat=2))
    return [table for table in tables if table.is_file()]


def label(atoms: "Atoms", settings: DftbLevel) -> Label:
    """Mermin energy and forces of a molecule.

    Raises Failure if the charges do not converge or it takes too long; RuntimeError with the exit code and the
    program's last message if it stops for another reason; InputError for a periodic structure, an element without a
    known shell, or a Slater-Koster table that is missing or cut short.
    """
    from ase.units import Bohr, Hartree

    require_molecule(atoms, "dftb+")
    folder = Path(settings.slater_koster).absolute()  # dftb+ runs in a folder of its own
    _check_tables(folder, sorted(set(atoms.get_chemical_symbols())))
    with tempfile.TemporaryDirectory(prefix="dftb-") as directory:
        (Path(directory) / "dftb_in.hsd").write_text(hsd(atoms, settings, folder))
        # its threads cost more than they save on molecules
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [shutil.which(settings.command)]
        try:
            process = subprocess.run(
                command, cwd=directory, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"dftb+ took longer than {TIME_LIMIT} s") from None
        if process.returncode < 0:
            # killed from outside: not the structure's fault, so not a Failure
            raise ChildProcessError(f"dftb+ was ended by signal {-process.returncode}")
        if process.returncode:
            message = _last_message(process.stdout + process.stderr)
            if "NOT converged" in message:
                raise Failure(message)
            # something else is wrong, and once it is mended the structure deserves another try
            raise RuntimeError(f"dftb+ exit code {process.returncode}: {message}")
        results = read_results(Path(directory) / "results.tag")
    if missing := [name for name in ("mermin_energy", "forces") if name not in results]:
        raise RuntimeError(f"dftb+ wrote no {missing[0]}: {_last_message(process.stdout)}")
    return Label(float(results["mermin_energy"]) * Hartree, results["forces"].reshape(-1, 3) * Hartree / Bohr)


def hsd(atoms: "Atoms", settings: DftbLevel, folder: Path) -> str:
    """The input of dftb+ for a molecule, in parser version 14; ``folder`` holds the Slater-Koster tables."""
    symbols = atoms.get_chemical_symbols()
    elements = sorted(set(symbols))
    rows = [
        f"{i} {elements.index(symbol) + 1} {x:.12f} {y:.12f} {z:.12f}"
        for i, (symbol, (x, y, z)) in enumerate(zip(symbols, atoms.positions, strict=True), 1)
    ]
    return INPUT.format(
        geometry="\n".join([f"{len(atoms)} C", " ".join(elements), *rows]),
        scc_tolerance=settings.scc_tolerance,
        max_scc_iterations=settings.max_scc_iterations,
        shell_resolved_scc="Yes" if settings.shell_resolved_scc else "No",
        shells="\n".join(f'    {element} = "{HIGHEST_SHELL[element]}"' for element in elements),
        temperature=settings.temperature,
        folder=folder,
    )


def read_results(path: Path) -> dict[str, np.ndarray]:
    """The real numbers in results.tag, by name; in the order of the file, atomic units. Empty if there is no file."""
    results, name = {}, None
    for line in path.read_text().splitlines() if path.exists() else []:
        if ":" in line:
            tag, kind, *_ = line.split(":")
            name = tag.strip() if kind == "real" else None
            if name:
                results[name] = []
        elif name:
            results[name] += [float(x) for x in line.split()]
    return {tag: np.array(values) if len(values) != 1 else np.float64(values[0]) for tag, values in results.items()}


def _last_message(output: str) -> str:
    """What dftb+ says after its last ERROR!, or its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    message = []
    for line in lines:
        if line.startswith("ERROR!"):
            message = []
        elif line.startswith("->"):
            message.append(line[2:].strip())
    return ", ".join(message) or (lines[-1] if lines else "no output")


def _check_tables(folder: Path, elements: list[str]) -> None:
    for element in elements:
        if element not in HIGHEST_SHELL:
            raise InputError(f"dftb+: no shells are known for {element}; known: {', '.join(HIGHEST_SHELL)}")
    for pair in product(elements, repeat=2):
        table = folder / f"{pair[0]}-{pair[1]}.skf"
        if not table.is_file():
            raise InputError(f"{table}: no such Slater-Koster table; set `slater_koster` to the folder that holds it")
        _check_table(table, table.stat().st_mtime_ns, pair[0] == pair[1])


@lru_cache(maxsize=1024)
def _check_table(path: Path, _modified: int, homonuclear: bool) -> None:
    """Raise InputError if a table ends early: dftb+ may read what is left without complaint.

    The format is that of dftb.org (slakoformat): grid, on-site values if homonuclear, mass and repulsive polynomial,
    the grid's rows, and mostly a spline of the repulsion.
    """
    lines = path.read_text().splitlines()
    try:
        first = 1 if lines[0].startswith("@") else 0
        points = int(lines[first].replace(",", " ").split()[1])
        body = first + (3 if homonuclear else 2)
        end = next((i for i, line in enumerate(lines) if line.strip().lower() == "spline"), None)
        complete = (len(lines) if end is None else end) >= body + points - 1
        if end is not None:
            intervals = int(lines[end + 1].split()[0])
            # the last interval has two coefficients more than the others
            complete &= len(lines[end + 2 + intervals].split()) == 8
        else:
            complete &= any(float(c) for c in lines[body - 1].replace(",", " ").split()[1:9])
    except (IndexError, ValueError):
        complete = False
    if not complete:
        raise InputError(f"{path}: the Slater-Koster table is cut short or not one; get it again")
