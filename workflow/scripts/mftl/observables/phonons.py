"""Phonon density of states of a crystal, by finite displacements with phonopy."""

import warnings
from collections.abc import Callable

import numpy as np
from ase import Atoms

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms


def density_of_states(
    crystal: Atoms,
    forces: Callable[[Atoms], np.ndarray],
    frequencies: np.ndarray,
    supercell: int = 2,
    displacement: float = 0.01,
    mesh: int = 20,
    broadening: float = 0.1,
) -> np.ndarray:
    """Density of states (F,) per THz at frequencies (F,) in THz; its integral is 3 for each atom of the primitive cell.

    ``forces`` gives (N, 3) in eV/Å; they are computed in ``supercell``³ cells with one atom displaced by
    ``displacement`` (Å). Frequencies on a mesh of ``mesh``³ wave vectors are broadened to Gaussians of width
    ``broadening`` (THz). Imaginary frequencies, of a crystal that is not stable, come out negative.
    """
    cell = PhonopyAtoms(
        symbols=crystal.get_chemical_symbols(), cell=crystal.cell.array, scaled_positions=crystal.get_scaled_positions()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what differs from older releases
        phonons = Phonopy(cell, supercell_matrix=np.eye(3, dtype=int) * supercell, primitive_matrix="auto")
        phonons.generate_displacements(distance=displacement)
        phonons.forces = [
            forces(Atoms(one.symbols, one.positions, cell=one.cell, pbc=True))
            for one in phonons.supercells_with_displacements
        ]
        phonons.produce_force_constants(show_drift=False)
        phonons.symmetrize_force_constants()
        phonons.run_mesh([mesh] * 3)
    found, weights = phonons.mesh.frequencies, phonons.mesh.weights  # (Q, bands), THz; (Q,)
    gaussians = np.exp(-0.5 * ((frequencies[:, None, None] - found) / broadening) ** 2)
    return np.einsum("fqb,q->f", gaussians, weights / weights.sum()) / (broadening * np.sqrt(2 * np.pi))
