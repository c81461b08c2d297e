"""DFTB with DFTB+ (Hourahine et al., J. Chem. Phys. 152, 124101, 2020), as a library or as a program.

The label is the Mermin free energy: at a finite electronic temperature forces and stress are its derivatives, not
those of the total energy. Both ways start each structure from neutral atoms and write the same input, with the atoms
sorted by element; their labels agree to 1e-9 eV and 1e-7 eV/Å.

``mftl.dftb_calculator.DFTBPlus`` is the same as an ASE calculator.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.engines import Label, Structure
from mftl.engines.dftbplus import library, program, tables
from mftl.inputs import InputError

if TYPE_CHECKING:
    from mftl.engines.dftbplus.section import DftbLevel

PERIODIC = True
ENVIRONMENT, ENVIRONMENT_WITH_MODELS = "dftbplus.yaml", "mftl-dftbplus.yaml"
LOCATION = ("interface", "command", "library", "slater_koster")  # the tables' contents count, not where they are
CITE = ("hourahine2020",)
INSTALL = (
    "conda install -c conda-forge 'dftbplus=*=nompi_*', or call snakemake with --sdm conda, or set `command` to the "
    "program dftb+ or `library` to libdftbplus.so"
)

_living = library.Living()


def interface(settings: "DftbLevel") -> str | None:
    """``library`` or ``program``: what is asked for or, with ``auto``, what is found; None if that is not there."""
    if settings.interface != "program" and library.find(settings):
        return "library"
    if settings.interface != "library" and program.which(settings.command):
        return "program"
    return None


def installed(settings: "DftbLevel") -> str | None:
    """None if the library or the program is found, and the program starts; else how to install it."""
    match interface(settings):
        case "library":
            return None
        case "program":
            output = _banner(program.which(settings.command))
            starts = "DFTB+" in output
            return None if starts else f"{settings.command} does not start: {program.last_message(output)}; {INSTALL}"
    sought = {"auto": f"neither {library.NAME} nor the program {settings.command!r}",
              "library": f"no {settings.library or library.NAME}",
              "program": f"no program {settings.command!r}"}  # fmt: skip
    return f"{sought[settings.interface]} is found; {INSTALL}"


def version(settings: "DftbLevel") -> str:
    """The release that the program states, ``unknown`` if there is only the library."""
    path = program.which(settings.command)
    _, _, after = (_banner(path) if path else "").partition("release ")
    return after.split()[0] if after else "unknown"


@lru_cache
def _banner(path: str) -> str:
    """What the program prints when it starts; without an input it then ends with an error."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([path, "--version"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout + done.stderr


def elements(settings: "DftbLevel") -> set[str]:
    """Elements whose shells are known; of what tables there are, ``files`` speaks."""
    return {*tables.HIGHEST_SHELL, *settings.max_angular_momentum}


def files(settings: "DftbLevel", elements: list[str]) -> list[Path]:
    """The Slater-Koster tables of all pairs of elements. Raises InputError if one is missing or cut short."""
    return tables.tables_of(settings.slater_koster, elements)


def made(settings: "DftbLevel") -> list[str]:
    """The folder of the published tables, which a rule fetches, if it is the one that the settings name."""
    return [tables.FETCHED] if Path(settings.slater_koster) == Path(tables.FETCHED) else []


def group(structure: Structure) -> str:
    """What structures have in common that one instance of the library can compute: the formula of a molecule."""
    return str(_key(_sorted(structure)[0]))


def label(structure: Structure, settings: "DftbLevel") -> Label:
    """Mermin energy, forces and, for a crystal, stress.

    Raises Failure, with exit code and last message, if the charges do not converge or DFTB+ ends for another reason;
    InputError if it is not installed, or an element has no known shells.
    """
    ordered, order = _sorted(structure)
    match interface(settings):
        case "library":
            made = _living.label(ordered, settings, (_key(ordered), str(settings)))
        case "program":
            made = program.label(ordered, settings)
        case _:
            raise InputError(f"DFTB+ is not installed: {installed(settings)}")
    forces = [made.forces[0]] * len(order)
    for place, force in zip(order, made.forces, strict=True):
        forces[place] = force
    return Label(made.energy, forces, made.stress)


def _sorted(structure: Structure) -> tuple[Structure, list[int]]:
    """A structure with its atoms sorted by element, and where each was."""
    order = sorted(range(len(structure.symbols)), key=lambda i: structure.symbols[i])
    return (
        Structure(
            structure.id,
            [structure.symbols[i] for i in order],
            [structure.numbers[i] for i in order],
            [structure.positions[i] for i in order],
            structure.cell,
            structure.pbc,
        ),
        order,
    )


def _key(ordered: Structure) -> tuple:
    """Structures with the same key can share an instance.

    A crystal has one of its own: k-points and the Ewald sum are fixed when it starts, and starting takes a small part
    of the time of a label.
    """
    return (*ordered.symbols, str((ordered.positions, ordered.cell, ordered.pbc)) if ordered.periodic else "")
