"""Structures like those of a system or a protocol, for measuring what one costs, wherever its pool is by now."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from mftl.config.whole import Config
from mftl.dynamics.starts import crystal
from mftl.structures import Structures


def beside(one: str, other: str) -> Atoms:
    """Two molecules as neighbours."""
    second = molecule(other)
    second.positions[:, 2] += 3.5
    return molecule(one) + second


# of data sets that are not here: one structure of about the mean number of atoms, and of neighbours
TYPICAL = {
    "qm7x": lambda: molecule("trans-butane"),  # 14 atoms; the mean is 16
    "ccsdt-molecules": lambda: molecule("C6H6"),
    **{f"{name}-benzene": lambda: molecule("C6H6") for name in ("ccsdt", "rmd17")},
    **{f"{name}-ethanol": lambda: molecule("CH3CH2OH") for name in ("ccsdt", "rmd17")},
    **{f"{name}-malonaldehyde": lambda: molecule("CH3CH2OH") for name in ("ccsdt", "rmd17")},  # 9 atoms as well
    **{f"{name}-toluene": lambda: molecule("trans-butane") for name in ("ccsdt", "rmd17")},  # 14 atoms; it has 15
    **{f"{name}-aspirin": lambda: beside("C6H6", "CH3CH2OH") for name in ("ccsd", "rmd17")},  # 21 atoms, as it has
    "ani1x": lambda: molecule("trans-butane"),  # the mean is 15
    "ani1ccx": lambda: molecule("trans-butane"),
    "comp6": lambda: beside("C6H6", "trans-butane"),
    "tungsten-gap2014": lambda: bulk("W", "bcc", a=3.185, cubic=True).repeat((2, 2, 2)),
    "mlearn-si": lambda: bulk("Si", "diamond", a=5.43, cubic=True).repeat(2),
    "mlearn-ge": lambda: bulk("Ge", "diamond", a=5.66, cubic=True).repeat(2),
    "mp-traj": lambda: bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat((2, 2, 1)),
}


def of_system(config: Config, name: str, count: int) -> list[Atoms]:
    """``count`` structures: of the pool if it is there, of its file, or what its generator begins with."""
    pool: Any = config.systems[name].pool
    for path in (f"results/pools/{name}.extxyz", getattr(pool, "file", "")):
        if path and Path(path).is_file():
            structures = Structures(path)
            places = np.random.default_rng(0).choice(len(structures), min(count, len(structures)), replace=False)
            return repeated([structures.at(int(place)) for place in sorted(places)], count)
    if hasattr(pool, "dataset"):
        return repeated([TYPICAL[pool.dataset]()], count)
    return repeated(pool.example(count), count)


def of_protocol(config: Config, name: str, count: int) -> list[Atoms]:
    """``count`` structures like those that a protocol's simulations start from."""
    starts = config.dynamics[name].starts
    found = of_system(config, starts.system, count) if starts.system else []
    if starts.crystal:
        found = [crystal(starts.crystal.lattice, starts.crystal.element, starts.crystal.lattice_constant)]
    return repeated([atoms.repeat(starts.repeat) if atoms.pbc.any() else atoms for atoms in found], count)


def repeated(structures: list[Atoms], count: int) -> list[Atoms]:
    """``count`` structures, the same ones again if there are fewer, each a little displaced."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(count):
        atoms = structures[k % len(structures)].copy()
        atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
        atoms.info = {"id": f"example-{k}"}
        found.append(atoms)
    return found
