"""Are the ensembles right with a real model? physical_validation on ethanol, with a trained model.

    python benchmarks/validate_dynamics.py MODEL

At constant energy the fluctuation of the energy must be of order dt². Under Langevin dynamics the kinetic energy must
have the mean and the width of the canonical ensemble. MODEL must know H, C and O and hold ethanol together.
"""

import sys
import tempfile
from pathlib import Path

import table  # noqa: F401, finds mftl

import numpy as np
import physical_validation as pv
from ase import units
from ase.build import molecule
from ase.optimize import BFGS

from mftl import models
from mftl.calculator import ModelCalculator
from mftl.config.dynamics import Protocol
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.integrators import kinetic_energies
from mftl.dynamics.simulation import Simulation

UNITS = pv.data.UnitData(units.kB, 96.485, 0.1, 1e-3, 1.0, 1.0, 1e-3)  # of eV, Å, K and fs
TEMPERATURE, REPLICAS = 300.0, 32


def simulation(path: str, folder: str, **values) -> Simulation:
    """Replicas of relaxed ethanol."""
    ethanol = molecule("CH3CH2OH")
    ethanol.calc = ModelCalculator(path)
    BFGS(ethanol, logfile=None).run(fmax=0.05, steps=200)
    protocol = Protocol(
        starts={"system": "any"}, temperature=TEMPERATURE, length=1e3, frame_every=1e3, closest=0.5, **values
    )
    forces = ModelForces(models.load_model(path), [ethanol] * protocol.replicas)
    run = Simulation([ethanol], None, forces, protocol, Path(folder))
    run.checkpoint_seconds = 1e9
    return run


def advance(run: Simulation, steps: int, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Kinetic and potential energies (samples, replicas), eV, one sample every so many steps."""
    kinetic, potential = [], []
    while len(kinetic) < steps // every:
        run.run(until=run.step + every)
        kinetic.append(kinetic_energies(run.state, run.starts))
        potential.append(run.state.now.energies)
    return np.array(kinetic), np.array(potential)


def main() -> None:
    """Measure and print."""
    models.fix_numerics()
    path = sys.argv[1]
    found = []
    for dt in (1.0, 0.5):
        with tempfile.TemporaryDirectory() as folder:
            run = simulation(path, folder, ensemble="nve", timestep=dt, replicas=8)
            total = sum(advance(run, round(100 / dt), 1))
        found.append(pv.data.SimulationData(units=UNITS, dt=dt, observables=pv.data.ObservableData()))
        found[-1].observables.constant_of_motion = (total - total.mean(0)).ravel()
        print(f"constant energy, step {dt} fs: fluctuation {1000 * total.std(0).mean():.2f} meV", flush=True)
    deviation = pv.integrator.convergence(found, verbose=False)
    print(f"ratio of the fluctuations off the square of the time steps' by {100 * deviation:.1f} %")
    with tempfile.TemporaryDirectory() as folder:
        run = simulation(path, folder, timestep=0.5, replicas=REPLICAS, friction=20.0)
        advance(run, 600, 600)
        kinetic, _ = advance(run, 2000, 200)
        assert len(run.live) == REPLICAS
    atoms = len(run.replicas[0])
    data = pv.data.SimulationData(
        units=UNITS,
        dt=100.0,
        system=pv.data.SystemData(natoms=atoms, nconstraints=0, ndof_reduction_tra=0, ndof_reduction_rot=0),
        ensemble=pv.data.EnsembleData("NVT", natoms=atoms, volume=1.0, temperature=TEMPERATURE),
        observables=pv.data.ObservableData(kinetic_energy=kinetic.ravel()),
    )
    mean, width = pv.kinetic_energy.distribution(data, verbosity=0, bootstrap_seed=1, data_is_uncorrelated=True)
    temperature = kinetic.mean() / (1.5 * atoms * units.kB)
    print(f"Langevin at {TEMPERATURE:g} K, {kinetic.size} samples: mean temperature {temperature:.1f} K")
    print(f"mean {mean:.1f} and width {width:.1f} standard errors off the canonical ensemble's")


if __name__ == "__main__":
    main()
