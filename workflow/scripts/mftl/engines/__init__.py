"""Engines: programs that compute the energy and the forces of a structure.

To add one, write a module like those beside this file: it is found there. A module has

- its section of the configuration, derived from ``EngineLevel``, whose ``engine: Literal[...]`` is the engine's name; a
  package may have it in a module ``section``, so that worker processes start without pydantic;
- ``installed(settings)``: None if the engine can run, else a line that says how to install it;
- ``version(settings)``: what computes, as a word;
- ``elements(settings)``: the elements it can treat; None if only the engine knows, once it runs;
- ``PERIODIC``: whether it can treat crystals;
- ``MOLECULES = False``, if it cannot treat molecules;
- ``files(settings, elements)``: the files that labels depend on besides the structures. Raises InputError if one is
  missing or broken;
- ``made(settings)``, if rules make some of what it reads: these files or folders. A plan then asks for them, and for
  ``files`` asks the job;
- ``LOCATION``: names of the settings that say where things are and do not change a label;
- ``CITE``, if there is something to cite: keys of resources/citations.bib;
- ``ENVIRONMENT`` and ``ENVIRONMENT_WITH_MODELS``, if labels, and dynamics with Δ models or pools, need other packages
  than envs/mftl.yaml: names of files in envs;
- ``group(structure)``, if it is cheaper to treat structures of one kind in a row: what they have in common;
- ``label(structure, settings)``: a ``Label``; raises ``Failure`` if the method fails for this one structure, and
  ``InputError`` if it cannot work for any.

``settings`` is the level's section of the configuration. ``label`` runs in worker processes (``mftl.workers``), which
import the engine's module alone. Engine modules import neither ASE nor, outside functions that compute, the engine's
own package: the Snakefile asks all else on every call, where they may not be there.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mftl.families import folders
from mftl.inputs import InputError
from mftl.symbols import SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms

__path__.extend(folders(__name__))

# The values of ase.units (CODATA 2014), which worker processes do without: ASE is most of what they would import.
BOHR = 0.5291772105638411  # Å
HARTREE = 27.211386024367243  # eV
PRIMITIVE = 2  # atoms in the largest cell that is no supercell: the conventional one of bcc, the primitive one of hcp


class Failure(RuntimeError):
    """The method fails for one structure, and would again; the message is the reason.

    ``exit_code`` and ``message`` are those of the program that failed, where there is one.
    """

    def __init__(self, reason: str, exit_code: int | None = None, message: str = ""):
        super().__init__(reason)
        self.exit_code, self.message = exit_code, message


@dataclass(frozen=True)
class Structure:
    """What an engine is given: plain numbers, positions (N, 3) and cell vectors (3, 3) in Å."""

    id: str
    symbols: list[str]
    numbers: list[int]
    positions: list[list[float]]
    cell: list[list[float]]
    pbc: list[bool]

    @classmethod
    def of(cls, atoms: "Atoms") -> "Structure":
        """A structure from ASE's Atoms."""
        return cls(
            str(atoms.info.get("id", atoms.symbols)),
            atoms.get_chemical_symbols(),
            atoms.numbers.tolist(),
            atoms.positions.tolist(),
            atoms.cell.array.tolist(),
            atoms.pbc.tolist(),
        )

    @property
    def periodic(self) -> bool:
        """Whether it repeats in any direction."""
        return any(self.pbc)


@dataclass(frozen=True)
class Label:
    """Energy in eV, forces (N, 3) in eV/Å, stress (3, 3) in eV/Å³ of a crystal, and other numbers worth keeping.

    The stress has ASE's sign: positive where the crystal wants to shrink. Forces are empty where ``settings.forces`` is
    false and the engine saves computing them; of an engine that gives them all the same they are not kept.
    """

    energy: float
    forces: Sequence[Sequence[float]]
    stress: Sequence[Sequence[float]] | None = None
    extra: dict[str, float] = field(default_factory=dict)


@cache
def sections() -> dict[str, Any]:
    """The sections of all engines, by the names of the engines in the configuration."""
    from mftl.config.levels import EngineLevel  # worker processes do without
    from mftl.registry import sections

    return sections(__name__, EngineLevel, "engine")


def form(level: Any) -> str:
    """Which section describes a level, as it is written: of an engine, a ``dataset``, ``outputs`` or a ``file``."""
    known = level if isinstance(level, dict) else dict(level)
    return known.get("engine", next((one for one in ("dataset", "outputs") if one in known), "file"))


def engine(name: str) -> ModuleType:
    """The module of an engine, by its name in the configuration."""
    from mftl.registry import module_of  # worker processes do without

    return import_module(module_of(sections()[name]))


def level(values: dict[str, Any]) -> Any:
    """The section of a level with an engine, from its values."""
    return sections()[values["engine"]](**values)


def environment(name: str, with_models: bool = False) -> str:
    """The conda environment, a file in envs, of jobs that label with an engine, or simulate with it and a model."""
    attribute = "ENVIRONMENT_WITH_MODELS" if with_models else "ENVIRONMENT"
    return getattr(engine(name), attribute, "mftl.yaml")


def first_elements(count: int) -> set[str]:
    """The first elements of the periodic table."""
    return set(SYMBOLS[1 : count + 1])


def refusal(settings: Any, elements: Iterable[str], periodic: str | None, molecule: str | None = None) -> str | None:
    """Why an engine cannot treat a system with these elements; None if it can.

    ``periodic`` is the id of a crystal among its structures, ``molecule`` that of a molecule; None: there is none.
    """
    module = engine(settings.engine)
    known = module.elements(settings)
    if known is not None and (unknown := sorted(set(elements) - known)):
        return (
            f"the engine {settings.engine} cannot treat {', '.join(unknown)} with these settings; "
            f"it can treat {', '.join(one for one in SYMBOLS if one in known)}"
        )
    if periodic is not None and not module.PERIODIC:
        return f"structure {periodic} is periodic; the engine {settings.engine} labels molecules only"
    if molecule is not None and not getattr(module, "MOLECULES", True):
        return f"structure {molecule} is a molecule; the engine {settings.engine} labels crystals only"
    return None


def check(structures: "Sequence[Atoms]", settings: Any) -> str:
    """A hash of all that makes a label at a level. Raises InputError if the engine cannot label the structures."""
    module = engine(settings.engine)
    elements = sorted({symbol for atoms in structures for symbol in atoms.get_chemical_symbols()})
    periodic, molecule = (
        next((str(atoms.info.get("id", atoms.symbols)) for atoms in structures if atoms.pbc.any() == wanted), None)
        for wanted in (True, False)
    )
    if missing := module.installed(settings):
        raise InputError(f"the engine {settings.engine} is not installed: {missing}")
    if reason := refusal(settings, elements, periodic, molecule):
        raise InputError(reason)
    unused = {"forces"} if settings.forces else set()  # not said: labels made before it could be are these
    options = settings.model_dump(exclude={"first", "only", "also", "chunk_size", *module.LOCATION, *unused})
    code = content_hash([*source_files(settings.engine), *module.files(settings, elements)])
    return hashlib.sha256(f"{json.dumps(options, sort_keys=True)}\n{code}\n".encode()).hexdigest()[:16]


def require_molecule(structure: Structure, name: str) -> None:
    """Raise InputError for a periodic structure, which the engine ``name`` cannot label."""
    if structure.periodic:
        raise InputError(f"structure {structure.id} is periodic; the engine {name} labels molecules only")


def require_crystal(structure: Structure, name: str) -> None:
    """Raise InputError for a molecule, which the engine ``name`` cannot label."""
    if not structure.periodic:
        raise InputError(f"structure {structure.id} is a molecule; the engine {name} labels crystals only")


def require_closed_shell(structure: Structure) -> None:
    """Raise Failure if a neutral structure has an odd number of electrons: restricted methods cannot treat it."""
    if sum(structure.numbers) % 2:
        raise Failure("an odd number of electrons; the method is for closed shells")


def source_files(name: str) -> list[Path]:
    """The code that makes an engine's labels."""
    path = Path(str(engine(name).__file__))
    return sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path]


def source_hash(name: str) -> str:
    """A hash of the code that makes an engine's labels."""
    return content_hash(source_files(name))


def content_hash(files: Iterable[str | Path]) -> str:
    """A hash of the contents of files, whatever their names; Python code counts as it runs (``mftl.sources``)."""
    from mftl.sources import file_hash  # worker processes do without

    digest = hashlib.sha256()
    for file in files:
        digest.update(file_hash(file))
    return digest.hexdigest()[:16]
