"""CCSD(T) with PySCF: closed shell, frozen core, analytic gradients."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mftl.config import PyscfCcsdtLevel
from mftl.engines import Failure, Label, require_closed_shell, require_molecule

if TYPE_CHECKING:
    from ase import Atoms

LAMBDA_CYCLES = 300  # close contacts need up to 250; PySCF's 50 are not enough for one configuration in a hundred


def installed(settings: PyscfCcsdtLevel) -> str | None:
    """None if PySCF can be imported, else how to install it."""
    return None if find_spec("pyscf") else "pip install pyscf"


def files(settings: PyscfCcsdtLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files."""
    return []


def label(atoms: "Atoms", settings: PyscfCcsdtLevel) -> Label:
    """Energy and forces of a closed-shell molecule, and its ``t1_diagnostic`` (Lee and Taylor, 1989).

    Raises Failure if the Hartree-Fock, CCSD or lambda equations do not converge, InputError for a periodic structure.
    """
    from ase.units import Bohr, Hartree
    from pyscf import cc, gto, lib, scf
    from pyscf.cc import ccsd_t_lambda
    from pyscf.grad import ccsd_t

    require_molecule(atoms, "pyscf-ccsd(t)")
    require_closed_shell(atoms)
    lib.num_threads(1)
    atom = list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True))
    mean_field = scf.RHF(gto.M(atom=atom, basis=settings.basis, verbose=0))
    mean_field.conv_tol = 1e-11
    mean_field.kernel()
    # orbitals below the valence shell: 1s from Li on, 2s and 2p from Na on
    core = int((atoms.numbers > 2).sum() + 4 * (atoms.numbers > 10).sum())
    coupled = cc.CCSD(mean_field, frozen=core)
    coupled.conv_tol = 1e-8
    coupled.kernel()
    if not (mean_field.converged and coupled.converged):
        raise Failure("CCSD not converged")
    integrals = coupled.ao2mo()
    triples = coupled.ccsd_t(eris=integrals)
    # Left to itself, the gradient class takes the lambda amplitudes of CCSD, without (T), and says nothing: in
    # formaldehyde a force component is -2.871 instead of -2.988 eV/Å. The (T) lambda equations have to be solved
    # and all amplitudes handed over.
    converged, l1, l2 = ccsd_t_lambda.kernel(
        coupled, integrals, coupled.t1, coupled.t2, max_cycle=LAMBDA_CYCLES, verbose=0
    )
    if not converged:
        raise Failure("(T) lambda equations not converged")
    gradient = ccsd_t.Gradients(coupled).kernel(coupled.t1, coupled.t2, l1, l2, integrals)
    t1 = float(np.linalg.norm(coupled.t1) / np.sqrt(2 * coupled.nocc))
    return Label(float(coupled.e_tot + triples) * Hartree, -gradient * Hartree / Bohr, {"t1_diagnostic": round(t1, 6)})
