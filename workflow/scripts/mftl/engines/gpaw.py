"""DFT of crystals with GPAW: plane waves and projector-augmented waves (Mortensen et al., JCP 160, 092503, 2024)."""

import math
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.levels import EngineLevel
from mftl.engines import PRIMITIVE, Failure, Label, Structure, first_elements, require_crystal
from mftl.inputs import InputError

PERIODIC = True
MOLECULES = False  # in plane waves they would need a box, and its size would be one more setting
LOCATION = ()
CITE = ("mortensen2024",)
ENVIRONMENT = "gpaw.yaml"
FEWEST_EMPTY = 4  # bands; a metal's primitive cell has partly occupied ones above half its electrons
INSTALL = (
    "pip install gpaw gpaw-data, which needs libxc, BLAS and a C compiler, or conda install -c conda-forge "
    "'gpaw=*=*nompi*', or call snakemake with --sdm conda"
)


class GpawLevel(EngineLevel):
    """DFT labels with GPAW in plane waves: free energy, its forces and stress; crystals only, spins paired."""

    engine: Literal["gpaw"] = Field(description="the name of the engine")
    functional: str = Field("PBE", description="GPAW's name of the functional")
    cutoff: PositiveFloat = Field(400.0, description="kinetic energy of the plane waves, eV")
    k_point_density: PositiveFloat = Field(4.0, description="k-points per 1/Å (with 2π) along each axis, Γ-centred")
    k_point_density_supercells: PositiveFloat | None = Field(
        None, description="the same of cells with more than two atoms (null: as of others); there k-points are dear"
    )
    smearing: PositiveFloat = Field(0.1, description="width of the Fermi-Dirac occupations, eV")
    energy_tolerance: PositiveFloat = Field(1e-5, description="convergence of the energy, eV per valence electron")
    density_tolerance: PositiveFloat = Field(1e-4, description="convergence of the density, electrons per valence one")
    states_tolerance: PositiveFloat = Field(
        4e-8, description="convergence of the residuals of the states, eV² per valence electron"
    )
    empty_bands: PositiveFloat | None = Field(
        None,
        description="empty bands for each atom, four at least (null: as GPAW does, a fifth of the occupied and four)",
    )
    davidson_steps: PositiveInt | None = Field(
        None, description="steps of the Davidson solver in each iteration (null: GPAW's own solver)"
    )
    pulay_mixing: PositiveFloat | None = Field(
        None, description="fraction of the new density in Pulay mixing (null: GPAW's own mixing)"
    )
    max_scf_iterations: PositiveInt = Field(200, description="more than these count as a failure")


def installed(settings: GpawLevel) -> str | None:
    """None if GPAW can be imported, else how to install it."""
    return None if find_spec("gpaw") else INSTALL


def version(settings: GpawLevel) -> str:
    """The version of GPAW."""
    try:
        return version_of("gpaw")
    except PackageNotFoundError:  # a checkout on PYTHONPATH
        return "unknown"


def elements(settings: GpawLevel) -> set[str]:
    """Elements that GPAW's published setups cover."""
    return first_elements(86) - {"Tc", "Po", "At"}


def files(settings: GpawLevel, elements: list[str]) -> list[Path]:
    """Labels depend on no files but GPAW's setups, which belong to its installation."""
    return []


def label(structure: Structure, settings: GpawLevel) -> Label:
    """Free energy, forces and stress of a crystal; spins are paired. The zero of energy are the setups' atoms.

    At a finite electronic temperature forces and stress are the derivatives of the free energy, not those of the
    energy extrapolated to zero temperature that GPAW reports first.
    Raises Failure if the density does not converge, InputError for a molecule, or a functional that GPAW does not know
    or has no setups for.
    """
    require_crystal(structure, "gpaw")
    import numpy as np
    from ase import Atoms
    from gpaw import GPAW, PW, FermiDirac, KohnShamConvergenceError

    of_supercells = settings.k_point_density_supercells if len(structure.positions) > PRIMITIVE else None
    tolerances = {"energy": settings.energy_tolerance, "density": settings.density_tolerance}
    atoms = Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=structure.pbc)
    try:
        atoms.calc = GPAW(
            mode=PW(settings.cutoff),
            xc=settings.functional,
            kpts={"density": of_supercells or settings.k_point_density, "gamma": True},
            occupations=FermiDirac(settings.smearing),
            convergence=tolerances | {"eigenstates": settings.states_tolerance},
            maxiter=settings.max_scf_iterations,
            txt=None,
            **_solver(settings, len(atoms)),
        )
        energy = atoms.get_potential_energy(force_consistent=True)
        forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
    except KohnShamConvergenceError:
        raise Failure(f"the density did not converge in {settings.max_scf_iterations} iterations") from None
    except NameError as error:
        raise InputError(f"GPAW does not know the functional {settings.functional!r}: {error}") from None
    except FileNotFoundError as error:
        raise InputError(f"GPAW has no setup for an element: {str(error).partition(chr(10))[0]}") from None
    return Label(float(energy), forces.tolist(), np.asarray(stress).tolist())


def _solver(settings: GpawLevel, atoms: int) -> dict[str, Any]:
    """GPAW's keywords for what changes the way to the ground state, not where it lies."""
    found: dict[str, Any] = {}
    if settings.empty_bands:
        found["nbands"] = -max(FEWEST_EMPTY, math.ceil(settings.empty_bands * atoms))  # negative: so many empty ones
    if settings.davidson_steps:
        found["eigensolver"] = {"name": "davidson", "niter": settings.davidson_steps}
    if settings.pulay_mixing:
        found["mixer"] = {"backend": "pulay", "beta": settings.pulay_mixing, "nmaxold": 8, "weight": 50}
    return found
