"""DFT with PySCF: restricted Kohn-Sham, density fitting (Sun et al., J. Chem. Phys. 153, 024109, 2020)."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.config import PyscfDftLevel
from mftl.engines import Failure, Label, require_closed_shell, require_molecule

if TYPE_CHECKING:
    from ase import Atoms


def installed(settings: PyscfDftLevel) -> str | None:
    """None if PySCF, and its dispersion corrections where they are asked for, are there; else how to install them."""
    if not find_spec("pyscf"):
        return "pip install pyscf pyscf-dispersion"
    dispersive = settings.dispersion or settings.functional.lower().endswith(("-d3", "-d3bj", "-d4"))
    if dispersive and not find_spec("pyscf.dispersion"):
        return "pip install pyscf-dispersion"
    return None


def files(settings: PyscfDftLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files."""
    return []


def label(atoms: "Atoms", settings: PyscfDftLevel) -> Label:
    """Energy and forces of a closed-shell molecule, and ``gap`` between the frontier orbitals in eV.

    Raises Failure if the SCF does not converge, InputError for a periodic structure.
    """
    from ase.units import Bohr, Hartree
    from pyscf import dft, gto, lib

    require_molecule(atoms, "pyscf-dft")
    require_closed_shell(atoms)
    lib.num_threads(1)
    atom = list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True))
    scf = dft.RKS(gto.M(atom=atom, basis=settings.basis, verbose=0), xc=settings.functional).density_fit()
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
    gradient = scf.nuc_grad_method()
    # The grid moves with the atoms. With its response the net force is zero and level 2 good to 1 meV/Å; without,
    # even level 3 leaves up to 3 meV/Å.
    gradient.grid_response = True
    forces = -gradient.kernel() * Hartree / Bohr
    gap = scf.mo_energy[scf.mo_occ == 0].min() - scf.mo_energy[scf.mo_occ > 0].max()
    return Label(float(energy) * Hartree, forces, {"gap": round(float(gap) * Hartree, 6)})
