"""GFN1-xTB and GFN2-xTB with tblite (Grimme et al., J. Chem. Theory Comput. 13, 1989, 2017; 15, 1652, 2019)."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.config import TbliteLevel
from mftl.engines import Failure, Label, require_molecule

if TYPE_CHECKING:
    from ase import Atoms


def installed(settings: TbliteLevel) -> str | None:
    """None if tblite can be imported, else how to install it."""
    return None if find_spec("tblite") else "pip install tblite, or conda install tblite-python"


def files(settings: TbliteLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files: the parameters are part of tblite."""
    return []


def label(atoms: "Atoms", settings: TbliteLevel) -> Label:
    """Energy and forces of a molecule.

    Raises Failure if the charges do not converge, InputError for a periodic structure: tblite would take the Γ point
    alone, which means nothing for a metal.
    """
    from ase.calculators.calculator import CalculationFailed
    from ase.calculators.calculator import InputError as CalculatorInputError
    from tblite.ase import TBLite

    require_molecule(atoms, "tblite")
    copy = atoms.copy()
    copy.calc = TBLite(method=settings.method, verbosity=0)
    try:
        return Label(float(copy.get_potential_energy()), copy.get_forces())
    except (CalculationFailed, CalculatorInputError, RuntimeError) as error:
        raise Failure(f"{settings.method}: {error}") from error
