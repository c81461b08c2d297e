"""GFN1-xTB and GFN2-xTB with tblite (Grimme et al., J. Chem. Theory Comput. 13, 1989, 2017; 15, 1652, 2019)."""

from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.engines import BOHR, HARTREE, Failure, Label, Structure, first_elements, require_molecule

if TYPE_CHECKING:
    from mftl.engines.tblite.section import TbliteLevel

PERIODIC = False  # tblite takes the Γ point alone, which means nothing for a metal
LOCATION = ()
CITE = ("tblite",)


def installed(settings: "TbliteLevel") -> str | None:
    """None if tblite can be imported, else how to install it."""
    return None if find_spec("tblite") else "pip install tblite, or conda install tblite-python"


def version(settings: "TbliteLevel") -> str:
    """The version of tblite."""
    return version_of("tblite")


def elements(settings: "TbliteLevel") -> set[str]:
    """Both methods are parametrised up to radon."""
    return first_elements(86)


def files(settings: "TbliteLevel", elements: list[str]) -> list[Path]:
    """Labels depend on no files: the parameters are part of tblite."""
    return []


def label(structure: Structure, settings: "TbliteLevel") -> Label:
    """Energy and forces of a molecule.

    Raises Failure if the charges do not converge, InputError for a periodic structure.
    """
    import numpy as np
    from tblite.interface import Calculator

    require_molecule(structure, "tblite")
    try:
        calculator = Calculator(settings.method, np.array(structure.numbers), np.array(structure.positions) / BOHR)
        calculator.set("verbosity", 0)
        result = calculator.singlepoint()
    except RuntimeError as error:
        raise Failure(f"{settings.method}: {error}") from error
    return Label(float(result["energy"]) * HARTREE, (-result["gradient"] * (HARTREE / BOHR)).tolist())
