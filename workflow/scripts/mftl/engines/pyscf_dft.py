"""DFT with PySCF: restricted Kohn-Sham, density fitting (Sun et al., J. Chem. Phys. 153, 024109, 2020)."""

from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mftl.config.levels import EngineLevel
from mftl.engines import (
    BOHR,
    HARTREE,
    Failure,
    Label,
    Structure,
    first_elements,
    require_closed_shell,
    require_molecule,
)
from mftl.inputs import InputError

if TYPE_CHECKING:
    from pyscf import gto

PERIODIC = False
LOCATION = ()
CITE = ("sun2020",)


class PyscfDftLevel(EngineLevel):
    """DFT labels with PySCF (restricted Kohn-Sham, density fitting, gradients with grid response)."""

    engine: Literal["pyscf-dft"] = Field(description="the name of the engine")
    functional: str = Field("pbe0", description="PySCF's name of the functional")
    basis: str = Field("def2-tzvp", description="PySCF's name of the basis set")
    dispersion: str | None = Field(None, description="d3bj or d4, if the functional's name does not hold it")


def installed(settings: PyscfDftLevel) -> str | None:
    """None if PySCF, and its dispersion corrections where they are asked for, are there; else how to install them."""
    if not find_spec("pyscf"):
        return "pip install pyscf pyscf-dispersion"
    dispersive = settings.dispersion or settings.functional.lower().endswith(("-d3", "-d3bj", "-d4"))
    if dispersive and not find_spec("pyscf.dispersion"):
        return "pip install pyscf-dispersion"
    return None


def version(settings: PyscfDftLevel) -> str:
    """The version of PySCF."""
    return version_of("pyscf")


def elements(settings: PyscfDftLevel) -> set[str]:
    """Elements up to krypton: heavier ones need effective core potentials, which this engine does not set."""
    return first_elements(36)


def files(settings: PyscfDftLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files."""
    return []


def label(structure: Structure, settings: PyscfDftLevel) -> Label:
    """Energy and forces of a closed-shell molecule, and ``gap`` between the frontier orbitals in eV.

    Raises Failure if the SCF does not converge, InputError for a periodic structure or a basis set or functional that
    PySCF does not know.
    """
    from pyscf import dft, lib

    require_molecule(structure, "pyscf-dft")
    require_closed_shell(structure)
    lib.num_threads(1)
    molecule = build_molecule(structure, settings.basis)
    try:
        dft.libxc.parse_xc(settings.functional)
    except (KeyError, NotImplementedError) as error:
        raise InputError(f"PySCF does not know the functional {settings.functional!r}: {error}") from None
    scf = dft.RKS(molecule, xc=settings.functional).density_fit()
    if settings.dispersion:
        scf.disp = settings.dispersion
    scf.grids.level = 2
    scf.conv_tol = 1e-9
    scf.max_cycle = 100
    energy = scf.kernel()
    if not scf.converged:
        scf = scf.newton()
        energy = scf.kernel()
    if not scf.converged:
        raise Failure("SCF not converged")
    gap = scf.mo_energy[scf.mo_occ == 0].min() - scf.mo_energy[scf.mo_occ > 0].max()
    extra = {"gap": round(float(gap) * HARTREE, 6)}
    if not settings.forces:
        return Label(float(energy) * HARTREE, [], extra=extra)
    gradient = scf.nuc_grad_method()
    # The grid moves with the atoms. With its response the net force is zero and level 2 good to 1 meV/Å; without,
    # even level 3 leaves up to 3 meV/Å.
    gradient.grid_response = True
    forces = -gradient.kernel() * (HARTREE / BOHR)
    return Label(float(energy) * HARTREE, forces.tolist(), extra=extra)


def build_molecule(structure: Structure, basis: str) -> "gto.Mole":
    """PySCF's molecule. Raises InputError if the basis set does not exist or lacks an element."""
    from pyscf import gto
    from pyscf.lib.exceptions import BasisNotFoundError

    try:
        return gto.M(atom=list(zip(structure.symbols, structure.positions, strict=True)), basis=basis, verbose=0)
    except (BasisNotFoundError, KeyError) as error:
        raise InputError(f"PySCF has no basis set {basis!r} for these elements: {error}") from None
