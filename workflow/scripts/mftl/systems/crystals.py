"""Cells of an element with a bcc ground state: rattled and strained bulk, slabs, other lattices, and larger cells.

A pool of distorted cells (``sample``) and the equilibrium-like simple crystals of a foundation system
(``simple_crystals``). All lattices follow from the lattice constant of bcc by ratios that are those of tungsten.

There are two versions of the data that ships. Of the first are the kinds rattled, slab and lattice, and as larger cells
vacancy and slab6. Those of the second are the kinds of the data set of Szlachta, Bartók and Csányi (Phys. Rev. B 90,
104108, 2014), all near the equilibrium volume and most of them γ surfaces: gamma, bulk, surface and vacancy, and as
larger cells vacancy26 and slab12. Both have strained cells.
"""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import bcc100, bcc110, bulk
from ase.spacegroup import crystal

from mftl.inputs import InputError
from mftl.structures import Progress

if TYPE_CHECKING:
    from mftl.pools.crystals import CrystalPool
    from mftl.pools.simple_crystals import SimpleCrystalPool

VACUUM = 4.0  # Å, on both sides of a slab
MAX_DRAWS = 1000  # for one cell


def sample(pool: "CrystalPool", progress: Progress = iter) -> list[Atoms]:
    """The cells of a pool: ``pool.structures`` of the kinds in turn, then the larger ones.

    ``info``: ``id`` (``<name>-<k>``, of a larger cell ``<name>-<kind>-<k>``), ``kind`` and ``closest``, the shortest
    distance of two atoms in Å. Cells with a shorter one than ``pool.closest`` are drawn again; where it is shorter than
    ``pool.leave_out``, the cell is left out, its number k with it, and the next one takes its place. The cells are
    ordered so that every prefix of those that are not larger holds all kinds evenly; each larger one has a seed of its
    own.
    Raises InputError if hardly any cell that is drawn keeps the atoms so far apart.
    """
    rng, draws = np.random.default_rng(pool.seed), count()
    cells = [_kept(pool, draws, rng) for _ in progress(range(pool.structures))]
    for number, (kind, cells_of_kind) in enumerate(pool.larger.items(), 1):  # numpy takes no notice of zeros at the end
        for k in range(cells_of_kind):
            rng = np.random.default_rng([*pool.seed, number, k])
            cells.append(_drawn(pool, kind, f"{pool.name}-{kind}-{k}", rng, k))
    return cells


def simple_crystals(pool: "SimpleCrystalPool") -> list[Atoms]:
    """Perfect crystals of each lattice at each volume. ``info``: ``id`` (``<lattice>-<volume in %>``) and ``kind``."""
    crystals = []
    for volume in pool.volumes:
        for lattice in pool.lattices:
            atoms = simple_crystal(pool.element, lattice, pool.lattice_constant, volume)
            atoms.info = {"id": f"{lattice}-{round(100 * volume):03d}", "kind": lattice}
            crystals.append(atoms)
    return crystals


def simple_crystal(element: str, lattice: str, a: float, volume: float) -> Atoms:
    """A crystal whose lattice constants fit to bcc with ``a`` in Å, its volume scaled by ``volume``."""
    if lattice == "bcc":
        atoms = bulk(element, "bcc", a=a)
    elif lattice == "fcc":
        atoms = bulk(element, "fcc", a=a * 1.272)
    elif lattice == "hcp":
        atoms = bulk(element, "hcp", a=a * 0.88, c=a * 0.88 * 1.58)
    elif lattice == "sc":
        atoms = bulk(element, "sc", a=a * 0.84)
    else:  # A15, Pm-3n
        sites = [(0, 0, 0), (0.25, 0, 0.5)]
        atoms = crystal([element] * 2, sites, spacegroup=223, cellpar=[a * 1.59] * 3 + [90] * 3)
    atoms.set_cell(atoms.cell * volume ** (1 / 3), scale_atoms=True)
    return atoms


def closest(atoms: Atoms) -> float:
    """Shortest distance of two atoms, images included, in Å."""
    distances = atoms.repeat(2).get_all_distances(mic=True)
    return float(distances[distances > 1e-6].min())


def _kept(pool: "CrystalPool", draws: Iterator[int], rng: np.random.Generator) -> Atoms:
    """The next cell that is not left out."""
    for _ in range(MAX_DRAWS):
        k = next(draws)
        atoms = _drawn(pool, pool.kinds[k % len(pool.kinds)], f"{pool.name}-{k:04d}", rng)
        if pool.leave_out is None or atoms.info["closest"] >= pool.leave_out:
            return atoms
    raise InputError(f"{pool.name}: {MAX_DRAWS} cells in a row were left out; lower `leave_out`")


def _drawn(pool: "CrystalPool", kind: str, name: str, rng: np.random.Generator, number: int | None = None) -> Atoms:
    """A cell of a kind in which no two atoms are too close; ``number`` counts larger cells of the kind."""
    for _ in range(MAX_DRAWS):
        atoms = _cell(pool, kind, rng) if number is None else _larger(pool, kind, rng, number)
        if (distance := closest(atoms)) >= pool.closest:
            atoms.info = {"id": name, "kind": kind, "closest": round(distance, 3)}
            return atoms
    raise InputError(f"{name}: in {MAX_DRAWS} draws no cell with all atoms {pool.closest} Å apart; lower `closest`")


def _cell(pool: "CrystalPool", kind: str, rng: np.random.Generator) -> Atoms:
    """One draw. What is drawn, and in which order, makes the data that ships: it must stay as it is."""
    element, a = pool.element, pool.lattice_constant
    if kind == "strained":
        return _strained(bulk(element, "bcc", a=a), rng, pool.shear, pool.volume)
    # of the first version, up to the others
    if kind == "rattled":
        atoms = _strained(bulk(element, "bcc", a=a, cubic=True), rng, 0.02, 0.10)
        return _rattled(atoms, rng.choice([0.05, 0.10, 0.20, 0.30]), rng)
    if kind == "slab":
        surface, layers = [("100", 3), ("110", 2)][rng.integers(2)]
        return _rattled(_slab(element, surface, layers, a), rng.choice([0.05, 0.15]), rng)
    if kind == "lattice":
        lattice, volume = rng.choice(["fcc", "hcp", "sc"]), rng.uniform(0.85, 1.15)
        return _rattled(simple_crystal(element, lattice, a, volume), 0.08, rng)
    # of the second
    if kind == "gamma":
        return _rattled(_shifted(element, ["110", "112"][rng.integers(2)], a, rng), rng.choice([0.02, 0.05, 0.08]), rng)
    if kind == "bulk":
        return _rattled(_strained(bulk(element, "bcc", a=a).repeat(2), rng, 0.005, 0.01), rng.uniform(0.03, 0.08), rng)
    if kind == "surface":
        return _rattled(_slab(element, ["100", "110"][rng.integers(2)], 8, a), rng.uniform(0.03, 0.09), rng)
    # vacancy
    return _rattled(_strained(_holed(element, a), rng, 0.005, 0.01), rng.uniform(0.03, 0.08), rng)


def _larger(pool: "CrystalPool", kind: str, rng: np.random.Generator, number: int) -> Atoms:
    """One draw of a larger cell, as ``_cell``."""
    element, a = pool.element, pool.lattice_constant
    surface = ["100", "110"][number % 2]
    # of the first version, up to the others
    if kind == "vacancy":
        return _rattled(_strained(_holed(element, a), rng, 0.01, 0.05), rng.uniform(0.05, 0.15), rng)
    if kind == "slab6":
        return _rattled(_slab(element, surface, 6, a), rng.uniform(0.05, 0.15), rng)
    # of the second
    if kind == "vacancy26":
        atoms = bulk(element, "bcc", a=a).repeat(3)
        del atoms[0]
        return _rattled(atoms, rng.uniform(0.03, 0.08), rng)
    # slab12
    return _rattled(_slab(element, surface, 12, a), rng.uniform(0.03, 0.09), rng)


def _holed(element: str, a: float) -> Atoms:
    """Eight cubic cells of bcc without one atom."""
    atoms = bulk(element, "bcc", a=a, cubic=True).repeat(2)
    del atoms[0]
    return atoms


def _shifted(element: str, plane: str, a: float, rng: np.random.Generator) -> Atoms:
    """A γ surface: eight atoms of bcc cut along (110) or (112), the next period shifted at random in the plane."""
    if plane == "110":  # layers of two atoms, every other one moved along [001]
        height, width, depth = a / 2**0.5, 2**0.5 * a, a
        positions = [(k * height, x, x * depth / width + k % 2 * depth / 2) for k in range(4) for x in (0, width / 2)]
        layers = 4
    else:  # layers of one atom, moved by a third along [111] and half along [110]
        height, width, depth = a / 6**0.5, 3**0.5 / 2 * a, 2**0.5 * a
        positions = [(k * height, k * width / 3, k % 2 * depth / 2) for k in range(8)]
        layers = 8
    cell = np.diag([layers * height, width, depth])
    cell[0] += rng.uniform() * cell[1] + rng.uniform() * cell[2]
    atoms = Atoms([element] * 8, positions, cell=cell, pbc=True)
    atoms.set_cell(cell * rng.uniform(0.99, 1.01) ** (1 / 3), scale_atoms=True)
    return atoms


def _slab(element: str, surface: str, layers: int, a: float) -> Atoms:
    """A slab with one atom in each layer."""
    build = {"100": bcc100, "110": bcc110}[surface]
    atoms = build(element, (1, 1, layers), a=a, vacuum=VACUUM, **({"orthogonal": False} if surface == "110" else {}))
    atoms.pbc = True
    return atoms


def _strained(atoms: Atoms, rng: np.random.Generator, shear: float, volume: float) -> Atoms:
    """A random symmetric strain of size ``shear`` and a change of volume of at most the fraction ``volume``."""
    deformation = np.eye(3) * (1 + rng.uniform(-volume, volume)) ** (1 / 3)
    noise = rng.normal(scale=shear, size=(3, 3))
    atoms.set_cell(atoms.cell @ (deformation + 0.5 * (noise + noise.T)), scale_atoms=True)
    return atoms


def _rattled(atoms: Atoms, size: float, rng: np.random.Generator) -> Atoms:
    """Normally distributed displacements of ``size`` in Å."""
    atoms.positions += rng.normal(scale=size, size=atoms.positions.shape)
    return atoms
