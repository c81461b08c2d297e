"""Snapshots of molecular dynamics with a Stillinger-Weber potential, crystal and liquid, with LAMMPS.

As Röcken and Zavadlav made their data: for each temperature a run at constant pressure that starts from the crystal,
then one at constant volume, sampled at equal intervals; Nosé-Hoover thermostat and barostat, damped with 100 and 1000
steps.
"""

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_masses, atomic_numbers

from mftl.engines import stillinger_weber
from mftl.inputs import InputError
from mftl.structures import Progress

if TYPE_CHECKING:
    from mftl.pools.molecular_dynamics import DynamicsPool

PS = 1000.0  # fs in a ps


def sample(pool: "DynamicsPool", progress: Progress = iter) -> list[Atoms]:
    """The snapshots of a pool, the temperatures in turn, so that every prefix holds them evenly.

    ``info``: ``id`` (``<name>-<temperature>K-<k>``) and ``temperature`` of the thermostat, K. The same seeds give the
    same snapshots; each temperature has a seed of its own, so that other ones do not change it.
    Raises InputError if the element has no parameters, or if a simulation fails.
    """
    if pool.element not in pool.parameters:
        raise InputError(f"pool.parameters: none for {pool.element}, only for {', '.join(pool.parameters)}")
    runs = [_run(pool, temperature) for temperature in progress(pool.temperatures)]
    return [snapshots[k] for k in range(pool.samples) for snapshots in runs]


def _run(pool: "DynamicsPool", temperature: int) -> list[Atoms]:
    """The snapshots of one temperature."""
    crystal = bulk(pool.element, "diamond", a=pool.lattice_constant, cubic=True).repeat(pool.repeat)
    seed = 1 + int(np.random.SeedSequence([*pool.seed, temperature]).generate_state(1)[0]) % 899999999
    program = stillinger_weber.start()
    stillinger_weber.box(program, [*crystal.cell.lengths(), 0, 0, 0], crystal.positions)
    stillinger_weber.potential(program, pool.element, pool.parameters[pool.element].model_dump())
    step = pool.time_step / PS
    steps = _steps(pool.equilibration, step)
    half = max(1, steps // 2)
    every = max(1, half // 1000)
    bath = f"temp {temperature} {temperature} {100 * step}"
    try:
        program.commands_list(
            [
                f"mass 1 {atomic_masses[atomic_numbers[pool.element]]}",
                f"timestep {step}",
                # half of it goes into the potential energy at once
                f"velocity all create {2 * temperature} {seed} mom yes rot no dist gaussian",
                f"fix bath all npt {bath} iso 0 0 {1000 * step}",
                f"run {max(0, steps - half)}",
                "variable edge equal lx",
                f"fix edge all ave/time {every} 1 {every} v_edge ave running",
                f"run {half}",
            ]
        )
        edge = program.extract_fix("edge", 0, 0)
        program.commands_list(
            [
                "unfix edge",
                "unfix bath",
                f"change_box all x final 0 {edge!r} y final 0 {edge!r} z final 0 {edge!r} remap units box",
                f"fix bath all nvt {bath}",
                f"run {_steps(pool.discard, step)}",
            ]
        )
        snapshots = []
        for k in range(pool.samples):
            program.command(f"run {_steps(pool.interval, step)}")
            positions = np.array(program.gather_atoms("x", 1, 3)).reshape(-1, 3)
            info = {"id": pool.id_of(temperature, k), "temperature": temperature}
            snapshots.append(Atoms(crystal.numbers, positions, cell=[edge] * 3, pbc=True, info=info))
            snapshots[-1].wrap()
    except Exception as error:  # LAMMPS has one for all that goes wrong
        raise InputError(f"{pool.name}: the simulation at {temperature} K failed: {error}") from error
    return snapshots


def _steps(time: float, step: float) -> int:
    """Steps of a time, both in ps."""
    return round(time / step)
