"""The input of DFTB+ in its human-friendly structured data format (HSD), parser version 14.

All that changes energies is written out and nothing is left to the program's defaults: shells missing from
``MaxAngularMomentum`` shift molecules with S or Cl by up to 8 eV, and ``ShellResolvedSCC`` by up to 2 eV.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mftl.engines import BOHR, PRIMITIVE, Structure
from mftl.engines.dftbplus.tables import shells
from mftl.inputs import InputError

if TYPE_CHECKING:
    from mftl.engines.dftbplus.section import DftbLevel

VACUUM = 5.0  # Å: a gap as wide as this along a cell vector is vacuum, and bands are flat across it


def write(tree: dict[str, Any], indent: str = "") -> str:
    """HSD text of nested dictionaries.

    A value is a block, a pair of a method's name and its block, or a bool, number or string. A block is a dictionary or
    a list of rows. Strings are written as they are.
    """
    lines = []
    for key, value in tree.items():
        match value:
            case dict() | list():
                lines += [f"{indent}{key} {{", *_block(value, indent + "  "), f"{indent}}}"]
            case (str() as method, dict() | list() as block):
                lines += [f"{indent}{key} = {method} {{", *_block(block, indent + "  "), f"{indent}}}"]
            case _:
                lines.append(f"{indent}{key} = {_word(value)}")
    return "".join(f"{line}\n" for line in lines)


def _block(block: dict[str, Any] | list[list], indent: str) -> list[str]:
    if isinstance(block, dict):
        return write(block, indent).splitlines()
    return [indent + " ".join(_word(word) for word in row) for row in block]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return repr(value) if isinstance(value, float) else str(value)


def dftb_input(structure: Structure, settings: "DftbLevel", in_process: bool) -> str:
    """The input for energy, forces and, for a crystal, stress of a structure whose atoms are sorted by element.

    ``in_process``: for the library, which writes no files. Lengths are in Bohr: DFTB+ converts with other constants.
    Raises InputError if an element has no known shells, or a crystal has no cell.
    """
    species = list(dict.fromkeys(structure.symbols))
    geometry: dict[str, Any] = {
        "TypeNames": [[f'"{one}"' for one in species]],
        "TypesAndCoordinates [Bohr]": [
            [species.index(symbol) + 1, *(x / BOHR for x in position)]
            for symbol, position in zip(structure.symbols, structure.positions, strict=True)
        ],
        "Periodic": structure.periodic,
    }
    hamiltonian: dict[str, Any] = {
        "SCC": True,
        "SCCTolerance": settings.scc_tolerance,
        "MaxSCCIterations": settings.max_scc_iterations,
        "ConvergentSCCOnly": True,
        "ShellResolvedSCC": settings.shell_resolved_scc,
        "MaxAngularMomentum": {one: f'"{shells(one, settings)}"' for one in species},
        "Filling": ("Fermi", {"Temperature [Kelvin]": settings.temperature}),
        "SlaterKosterFiles": (
            "Type2FileNames",
            {"Prefix": f'"{Path(settings.slater_koster).absolute()}/"', "Separator": '"-"', "Suffix": '".skf"'},
        ),
    }
    if structure.periodic:
        geometry["LatticeVectors [Bohr]"] = [[x / BOHR for x in vector] for vector in structure.cell]
        of_supercells = settings.k_point_spacing_supercells if len(structure.positions) > PRIMITIVE else None
        counts = k_points(structure, of_supercells or settings.k_point_spacing)
        # an even mesh of Monkhorst and Pack lies half a step beside Γ, an odd one contains it
        hamiltonian["KPointsAndWeights"] = (
            "SupercellFolding",
            [
                *([count if i == j else 0 for j in range(3)] for i, count in enumerate(counts)),
                [0.5 if count % 2 == 0 else 0.0 for count in counts],
            ],
        )
    return write(
        {
            "Geometry": geometry,
            "Hamiltonian": ("DFTB", hamiltonian),
            "Options": {
                "WriteResultsTag": not in_process,
                "WriteDetailedOut": False,
                "WriteCharges": False,
                "TimingVerbosity": -1,
            },
            "Analysis": {"PrintForces": True, "WriteBandOut": False},
            "ParserOptions": {"ParserVersion": 14, "WriteHSDInput": False},
        }
    )


def k_points(structure: Structure, spacing: float) -> list[int]:
    """Numbers of k-points along the reciprocal vectors: at most ``spacing`` (1/Å, without 2π) apart, one across vacuum.

    Raises InputError if the cell of a crystal has no volume.
    """
    cell = structure.cell
    volume = _dot(cell[0], _cross(cell[1], cell[2]))
    if abs(volume) < 1e-6:
        raise InputError(f"structure {structure.id} is periodic but its cell has no volume")
    counts = []
    for axis in range(3):
        reciprocal = [x / volume for x in _cross(cell[axis - 2], cell[axis - 1])]
        length = math.sqrt(_dot(reciprocal, reciprocal))
        heights = sorted(_dot(position, reciprocal) % 1.0 for position in structure.positions)
        gaps = [b - a for a, b in zip(heights, [*heights[1:], heights[0] + 1.0], strict=True)]
        # 1 / length is the distance of the lattice planes; a crystal's own layers are closer than VACUUM
        vacuum = not structure.pbc[axis] or (len(structure.positions) > 1 and max(gaps) / length > VACUUM)
        # just above a whole number is that number: cells come with rounded digits
        counts.append(1 if vacuum else max(1, math.ceil(length / spacing - 1e-6)))
    return counts


def _cross(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
