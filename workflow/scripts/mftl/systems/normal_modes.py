"""Molecules displaced along their normal modes, as QM7-X samples them, and close contacts.

Each molecule is minimised with GFN2-xTB, its Hessian taken by finite differences, and configurations are drawn from
the classical harmonic Boltzmann distribution along rectilinear normal modes (Hoja et al., Sci. Data 8, 43, 2021).
Normal modes give no close contacts even at 3000 K; the slot ``contact`` follows a random soft direction until the
closest pair is at 0.70 to 0.85 of the sum of its covalent radii.
"""

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units
from ase.data import covalent_radii
from ase.optimize import BFGS

from mftl.inputs import InputError
from mftl.structures import Progress

if TYPE_CHECKING:
    from mftl.pools.normal_modes import NormalModePool

SOFT_MODE_FLOOR = (50 / 521.47) ** 2  # 50 1/cm in eV/Å²/amu: softer modes would leave the harmonic region
CLOSEST_ALLOWED = 0.60  # configurations with a closer pair (over the sum of covalent radii) are drawn again
MAX_DRAWS = 100  # for one configuration


def sample(pool: "NormalModePool", progress: Progress = iter) -> list[Atoms]:
    """The configurations of a pool, ordered so that every prefix holds all molecules and all slots evenly.

    ``info``: ``id`` (``<molecule>-<k>``), ``molecule``, ``smiles``, ``sampling`` (``T<kelvin>`` or ``contact``) and
    ``closest_ratio`` (closest pair over the sum of its covalent radii). The seed of each molecule is the pool's with
    the molecule's position appended, so that molecules added at the end leave the others as they are.
    Raises InputError for a SMILES from which no geometry can be made.
    """
    molecules = progress(list(enumerate(pool.molecules.items())))
    sets = [_sample_molecule(name, smiles, pool, [*pool.seed, i]) for i, (name, smiles) in molecules]
    return [one[k] for k in range(pool.per_molecule) for one in sets]


def minimum(smiles: str, seed: int) -> Atoms:
    """A molecule at its GFN2-xTB minimum nearest to a random embedding of its SMILES, calculator attached.

    Raises InputError if RDKit cannot read or embed the SMILES.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
    from tblite.ase import TBLite

    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise InputError(f"{smiles!r} is not a SMILES that RDKit can read")
    mol = Chem.AddHs(mol)
    if rdDistGeom.EmbedMolecule(mol, randomSeed=seed) != 0:
        raise InputError(f"RDKit finds no geometry for the SMILES {smiles!r}")
    rdForceFieldHelpers.UFFOptimizeMolecule(mol)
    atoms = Atoms([a.GetSymbol() for a in mol.GetAtoms()], mol.GetConformer().GetPositions())
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=500)
    return atoms


def normal_modes(atoms: Atoms, step: float = 0.005) -> tuple[np.ndarray, np.ndarray]:
    """Vibrations from a finite-difference Hessian (``step`` in Å), translations and rotations projected out.

    Returns eigenvalues (M,) in eV/Å²/amu and mass-weighted eigenvectors (3N, M), one in each column.
    """
    n = len(atoms)
    hessian = np.zeros((3 * n, 3 * n))
    origin = atoms.positions.copy()
    for i in range(3 * n):
        for sign in (1, -1):
            shifted = origin.copy().reshape(-1)
            shifted[i] += sign * step
            atoms.positions = shifted.reshape(-1, 3)
            hessian[i] -= sign * atoms.get_forces().reshape(-1) / (2 * step)
    atoms.positions = origin
    mass = np.repeat(atoms.get_masses(), 3)
    weighted = 0.5 * (hessian + hessian.T) / np.sqrt(np.outer(mass, mass))
    x = origin - atoms.get_center_of_mass()
    root = np.sqrt(atoms.get_masses())[:, None]
    rigid = []
    for axis in np.eye(3):
        rigid += [(root * axis).ravel(), (root * np.cross(axis, x)).ravel()]
    u, s, _ = np.linalg.svd(np.array(rigid).T, full_matrices=False)
    u = u[:, s > 1e-6 * s.max()]  # a linear molecule has only two rotations
    project = np.eye(3 * n) - u @ u.T
    values, vectors = np.linalg.eigh(project @ weighted @ project)
    keep = values > 1e-4
    return values[keep], vectors[:, keep]


def closest_ratio(atoms: Atoms) -> float:
    """Smallest pair distance over the sum of the two covalent radii."""
    radii = covalent_radii[atoms.numbers]
    ratio = atoms.get_all_distances() / (radii[:, None] + radii[None])
    np.fill_diagonal(ratio, np.inf)
    return float(ratio.min())


def _sample_molecule(name: str, smiles: str, pool: "NormalModePool", seed: list[int]) -> list[Atoms]:
    """All configurations of one molecule."""
    rng = np.random.default_rng(seed)
    atoms = minimum(smiles, seed=int(rng.integers(2**31 - 1)))
    modes = normal_modes(atoms)
    out: list[Atoms] = []
    draws = 0
    while len(out) < pool.per_molecule:
        slot = pool.slots[len(out) % len(pool.slots)]
        new = _close_contact(atoms, *modes, rng) if slot == "contact" else _displaced(atoms, *modes, slot, rng)
        draws += 1
        if new is None or closest_ratio(new) < CLOSEST_ALLOWED:
            if draws >= MAX_DRAWS:
                raise InputError(f"{name} ({smiles}): no configuration for the slot {slot} in {MAX_DRAWS} draws")
            continue
        draws = 0
        new.info = {
            "id": f"{name}-{len(out):04d}",
            "molecule": name,
            "smiles": smiles,
            "sampling": slot if slot == "contact" else f"T{slot}",
            "closest_ratio": round(closest_ratio(new), 3),
        }
        out.append(new)
    return out


def _displaced(
    atoms: Atoms, values: np.ndarray, vectors: np.ndarray, temperature: float, rng: np.random.Generator
) -> Atoms:
    """A classical harmonic Boltzmann sample along rectilinear modes; temperature in K."""
    q = rng.normal(size=len(values)) * np.sqrt(units.kB * temperature / np.maximum(values, SOFT_MODE_FLOOR))
    shift = (vectors @ q) / np.sqrt(np.repeat(atoms.get_masses(), 3))
    return Atoms(atoms.numbers, atoms.positions + shift.reshape(-1, 3))


def _close_contact(atoms: Atoms, values: np.ndarray, vectors: np.ndarray, rng: np.random.Generator) -> Atoms | None:
    """A random soft direction followed until two atoms are close; None if they never are."""
    shift = (vectors @ (rng.normal(size=len(values)) / np.sqrt(values))) / np.sqrt(np.repeat(atoms.get_masses(), 3))
    shift = shift.reshape(-1, 3)
    shift /= np.sqrt((shift**2).sum(1)).max()
    target = rng.uniform(0.70, 0.85)
    for scale in np.arange(0.05, 1.5, 0.02):  # Å, of the atom that moves most
        moved = Atoms(atoms.numbers, atoms.positions + scale * shift)
        if closest_ratio(moved) <= target:
            return moved
    return None
