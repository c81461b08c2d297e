"""Molecules displaced along their normal modes, as QM7-X samples them, close contacts and stretched molecules.

Each molecule is minimised with GFN2-xTB, its Hessian taken by finite differences, and configurations are drawn from
the classical harmonic Boltzmann distribution along rectilinear normal modes (Hoja et al., Sci. Data 8, 43, 2021).
Along soft torsions such displacements stretch bonds without limit, so with ``max_energy`` a draw is accepted only if
its actual energy is one that its temperature explains, and no pair of atoms is closer than in QM7-X (``acceptable``).
The built-in molecules were made with it.
Normal modes give no close contacts even at 3000 K; the slot ``contact`` follows a random soft direction until the
closest pair is at 0.70 to 0.85 of the sum of its covalent radii. Nor do they give the energies of the much larger
molecules of QM7-X, up to 0.9 eV/atom at moderate forces; a stretched molecule follows a soft direction to an energy.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii
from scipy.special import chdtri

from mftl.inputs import InputError
from mftl.structures import Progress
from mftl.systems import molecules

if TYPE_CHECKING:
    from mftl.pools.normal_modes import NormalModePool

SOFT_MODE_FLOOR = (50 / 521.47) ** 2  # 50 1/cm in eV/Å²/amu: softer modes would leave the harmonic region
CLOSEST_ALLOWED = 0.60  # configurations with a closer pair (over the sum of covalent radii) get no number
MAX_DRAWS = 100  # for one configuration
TAIL = 0.01  # of the Boltzmann distribution's energies that a temperature does not count as its own
# Å: smallest distances of pairs in 2500 configurations of QM7-X, of elements with at least a hundred bonds there
SHORTEST = {
    "H-H": 0.547,
    "C-H": 0.862,
    "H-N": 0.870,
    "H-O": 0.864,
    "C-C": 1.132,
    "C-N": 1.107,
    "C-O": 1.139,
    "C-S": 1.593,
    "N-N": 1.260,
}
SHORTEST_RATIO = 0.80  # of other pairs, over the sum of covalent radii: of single bonds there C-H is closest, at 0.81
MAX_FORCE = 18.0  # eV/Å, GFN2-xTB: PBE0-D3 gives 10 % more, 20, and 22 is the largest in QM7-X


def sample(pool: "NormalModePool", progress: Progress = iter) -> list[Atoms]:
    """The configurations of a pool, ordered so that every prefix holds all molecules and all slots evenly.

    ``info``: ``id`` (``<molecule>-<k>``, of a stretched one ``<molecule>-s<k>``), ``molecule``, ``smiles``,
    ``sampling`` (``T<kelvin>``, ``contact`` or ``stretched``) and ``closest_ratio`` (closest pair over the sum of its
    covalent radii). k counts what is drawn, so that an id is of one geometry whatever is accepted: those that are not
    leave gaps. The seed of each molecule is the pool's with the molecule's position appended, so that molecules added
    at the end leave the others as they are.
    Raises InputError for a SMILES from which no geometry can be made.
    """
    named = progress(list(enumerate(pool.molecules.items())))
    sets = [_sample_molecule(name, smiles, pool, [*pool.seed, i]) for i, (name, smiles) in named]
    return [one[k] for k in range(pool.per_molecule) for one in sets]


def minimum(smiles: str, seed: int) -> Atoms:
    """A molecule at its GFN2-xTB minimum nearest to a random embedding of its SMILES, calculator attached.

    Raises InputError if RDKit cannot read or embed the SMILES.
    """
    from tblite.ase import TBLite

    atoms = molecules.embedded(smiles, seed)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    molecules.relax(atoms)
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


def acceptable(atoms: Atoms, energy: float, force: float, limit: float) -> bool:
    """Whether ``energy`` is at most ``limit``, and no ``force`` (the largest, eV/Å) or close pair beyond QM7-X's."""
    distances = atoms.get_all_distances()
    for i, j in combinations(range(len(atoms)), 2):
        pair = "-".join(sorted((atoms[i].symbol, atoms[j].symbol)))
        shortest = SHORTEST_RATIO * (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
        if distances[i, j] < SHORTEST.get(pair, shortest):
            return False
    return energy <= limit and force <= MAX_FORCE


def _above(atoms: Atoms) -> Callable[[Atoms], tuple[float, float]]:
    """Of a configuration: energy above that of the minimum ``atoms``, eV, and largest force, eV/Å.

    Both are infinite where the calculator fails.
    """
    lowest = atoms.get_potential_energy()

    def above(new: Atoms) -> tuple[float, float]:
        moved = Atoms(new.numbers, new.positions, calculator=atoms.calc)
        try:
            return moved.get_potential_energy() - lowest, np.sqrt((moved.get_forces() ** 2).sum(axis=1).max())
        except CalculationFailed:
            return np.inf, np.inf

    return above


def _sample_molecule(name: str, smiles: str, pool: "NormalModePool", seed: list[int]) -> list[Atoms]:
    """All configurations of one molecule, the stretched ones evenly among the others."""
    rng = np.random.default_rng(seed)
    atoms = minimum(smiles, seed=int(rng.integers(2**31 - 1)))
    modes = normal_modes(atoms)
    energies = (pool.STRETCHED, np.inf if pool.max_energy is None else pool.max_energy)
    usual = _accepted(name, atoms, modes, pool.slots, energies, rng)
    stretched = _accepted(name, atoms, modes, ["stretched"], energies, np.random.default_rng([*seed, 1]))
    period = len(pool.slots) + pool.stretched
    out = []
    for k in range(pool.per_molecule):
        new = next(stretched if (k + 1) * pool.stretched // period > k * pool.stretched // period else usual)
        new.info |= {"molecule": name, "smiles": smiles, "closest_ratio": round(closest_ratio(new), 3)}
        new.info = {key: new.info[key] for key in ("id", "molecule", "smiles", "sampling", "closest_ratio")}
        out.append(new)
    return out


def _accepted(
    name: str,
    atoms: Atoms,
    modes: tuple[np.ndarray, np.ndarray],
    slots: Sequence[int | str],
    energies: tuple[float, float],
    rng: np.random.Generator,
) -> Iterator[Atoms]:
    """Accepted configurations of the slots in turn, without end; ``info`` holds ``id`` and ``sampling``.

    ``energies`` in eV/atom: the lowest of a stretched molecule, the highest of all. If that is infinite, all draws are
    accepted that have no pair closer than ``CLOSEST_ALLOWED``.
    Raises InputError where a hundred draws in a row are not accepted.
    """
    above, highest = _above(atoms), energies[1] * len(atoms)
    number = draws = 0
    while draws < MAX_DRAWS:
        slot = slots[number % len(slots)]
        draws += 1
        limit, prefix, sampling = highest, "", str(slot)
        if slot == "stretched":
            energy = rng.uniform(*energies) * len(atoms)
            new, prefix = _stretched(atoms, *modes, energy, above, rng), "s"
        elif isinstance(slot, str):
            new = _close_contact(atoms, *modes, rng)
        else:
            new, sampling = _displaced(atoms, *modes, slot, rng), f"T{slot}"
            # half k T times chi squared, a degree of freedom for each mode
            limit = min(highest, 0.5 * units.kB * slot * chdtri(len(modes[0]), TAIL))
        if new is None or closest_ratio(new) < CLOSEST_ALLOWED:
            continue
        number += 1
        if np.isinf(highest) or acceptable(new, *above(new), limit):
            draws = 0
            new.info = {"id": f"{name}-{prefix}{number - 1:04d}", "sampling": sampling}
            yield new
    raise InputError(f"{name}: no configuration for the slot {slot} in {MAX_DRAWS} draws")


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


def _stretched(
    atoms: Atoms,
    values: np.ndarray,
    vectors: np.ndarray,
    energy: float,
    above: Callable[[Atoms], tuple[float, float]],
    rng: np.random.Generator,
) -> Atoms | None:
    """A random soft direction followed until it is ``energy`` in eV above the minimum; None if it never is."""
    q = rng.normal(size=len(values)) / np.maximum(values, SOFT_MODE_FLOOR)  # softer than at a temperature
    shift = ((vectors @ q) / np.sqrt(np.repeat(atoms.get_masses(), 3))).reshape(-1, 3)
    shift /= np.sqrt((shift**2).sum(1)).max()
    for scale in np.arange(0.1, 2.0, 0.04):  # Å, of the atom that moves most
        moved = Atoms(atoms.numbers, atoms.positions + scale * shift)
        if above(moved)[0] >= energy:
            return moved
    return None
