"""CCSD(T) with PySCF: closed shell, frozen core, analytic gradients."""

from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

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

PERIODIC = False
LOCATION = ()
CITE = ("sun2020", "raghavachari1989")
LAMBDA_CYCLES = 300  # close contacts need up to 250; PySCF's 50 are not enough for one configuration in a hundred


class PyscfCcsdtLevel(EngineLevel):
    """CCSD(T) labels with PySCF, frozen core, analytic gradients with the (T) lambda amplitudes."""

    engine: Literal["pyscf-ccsd(t)"] = Field(description="the name of the engine")
    basis: str = Field("cc-pvdz", description="PySCF's name of the basis set")


def installed(settings: PyscfCcsdtLevel) -> str | None:
    """None if PySCF can be imported, else how to install it."""
    return None if find_spec("pyscf") else "pip install pyscf"


def version(settings: PyscfCcsdtLevel) -> str:
    """The version of PySCF."""
    return version_of("pyscf")


def elements(settings: PyscfCcsdtLevel) -> set[str]:
    """Elements up to argon, whose frozen core is known here."""
    return first_elements(18)


def files(settings: PyscfCcsdtLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files."""
    return []


def label(structure: Structure, settings: PyscfCcsdtLevel) -> Label:
    """Energy and forces of a closed-shell molecule, and its ``t1_diagnostic`` (Lee and Taylor, 1989).

    Energies alone need no lambda equations, which are more than half of the work.
    Raises Failure if the Hartree-Fock, CCSD or lambda equations do not converge, InputError for a periodic structure
    or a basis set that PySCF does not know.
    """
    import numpy as np
    from pyscf import cc, lib, scf
    from pyscf.cc import ccsd_t_lambda
    from pyscf.grad import ccsd_t

    from mftl.engines.pyscf_dft import build_molecule

    require_molecule(structure, "pyscf-ccsd(t)")
    require_closed_shell(structure)
    lib.num_threads(1)
    mean_field = scf.RHF(build_molecule(structure, settings.basis))
    mean_field.conv_tol = 1e-11
    mean_field.kernel()
    # orbitals below the valence shell: 1s from Li on, 2s and 2p from Na on
    core = sum(number > 2 for number in structure.numbers) + 4 * sum(number > 10 for number in structure.numbers)
    coupled = cc.CCSD(mean_field, frozen=core)
    coupled.conv_tol = 1e-8
    coupled.kernel()
    if not (mean_field.converged and coupled.converged):
        raise Failure("CCSD not converged")
    integrals = coupled.ao2mo()
    triples = coupled.ccsd_t(eris=integrals)
    energy = float(coupled.e_tot + triples) * HARTREE
    extra = {"t1_diagnostic": round(float(np.linalg.norm(coupled.t1) / np.sqrt(2 * coupled.nocc)), 6)}
    if not settings.forces:
        return Label(energy, [], extra=extra)
    # Left to itself, the gradient class takes the lambda amplitudes of CCSD, without (T), and says nothing: in
    # formaldehyde a force component is -2.871 instead of -2.988 eV/Å. The (T) lambda equations have to be solved
    # and all amplitudes handed over.
    converged, l1, l2 = ccsd_t_lambda.kernel(
        coupled, integrals, coupled.t1, coupled.t2, max_cycle=LAMBDA_CYCLES, verbose=0
    )
    if not converged:
        raise Failure("(T) lambda equations not converged")
    gradient = ccsd_t.Gradients(coupled).kernel(coupled.t1, coupled.t2, l1, l2, integrals)
    return Label(energy, (-gradient * (HARTREE / BOHR)).tolist(), extra=extra)
