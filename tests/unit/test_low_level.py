"""Dynamics with Δ models, whose low level an engine computes in each step."""

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from mftl import models
from mftl.config.dynamics import Protocol
from mftl.config.training import Architecture
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.low_level import DeltaForces
from mftl.dynamics.records import NOT_FINITE
from mftl.dynamics.simulation import Simulation
from mftl.engines import Structure, tblite
from mftl.engines.tblite.section import TbliteLevel
from mftl.inputs import InputError

GFN1 = TbliteLevel(engine="tblite", method="GFN1-xTB")


@pytest.fixture
def model():
    torch.manual_seed(0)
    small = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
    return models.build_model(small, ["H", "C", "O"], 6.0, 1.0, 1, torch.float64)


def named(*names):
    """Water, rattled differently, under these ids."""
    waters = [molecule("H2O", info={"id": name}) for name in names]
    for seed, atoms in enumerate(waters):
        atoms.rattle(0.05, seed=seed)
    return waters


def positions(structures):
    return np.concatenate([atoms.positions for atoms in structures])


def test_model_and_low_level_add_up_and_forces_are_the_slope_of_the_energy(model):
    both = [molecule("CH3CH2OH"), *named("a", "b")]
    forces = DeltaForces(ModelForces(model, both), GFN1, workers=2)
    x = positions(both)
    now, alone = forces(x), forces.forces(x)
    labels = [tblite.label(Structure.of(atoms), GFN1) for atoms in both]
    assert now.energies == pytest.approx(alone.energies + [one.energy for one in labels], abs=1e-9)
    assert now.forces == pytest.approx(alone.forces + np.concatenate([one.forces for one in labels]), abs=1e-9)
    step = np.zeros_like(x)
    step[4, 1] = 1e-3
    slope = (forces(x + step).energies.sum() - forces(x - step).energies.sum()) / 2e-3
    assert slope == pytest.approx(-now.forces[4, 1], abs=1e-4)


def test_the_number_of_workers_changes_no_bit(model):
    waters = named(*"abcde")
    one, two = (DeltaForces(ModelForces(model, waters), GFN1, workers)(positions(waters)) for workers in (1, 2))
    assert (one.forces == two.forces).all() and (one.energies == two.energies).all()


def test_where_the_engine_fails_or_dies_one_replica_ends_and_the_others_go_on(model, standin, tmp_path):
    waters = named("fails-1", "a", "exits-2", "b", "segfaults-3")
    protocol = Protocol(starts={"system": "any"}, temperature=10, length=0.004, timestep=1.0, replicas=5, closest=0.1)
    run = Simulation(waters, None, DeltaForces(ModelForces(model, waters), standin, 2), protocol, tmp_path / "run")
    table = run.run().set_index("start")
    assert table.loc[["fails-1", "exits-2", "segfaults-3"], "reason"].tolist() == [NOT_FINITE] * 3
    assert (table.loc[["fails-1", "exits-2", "segfaults-3"], "simulated_ps"] == 0).all()
    assert (table.loc[["a", "b"], "simulated_ps"] == 0.004).all()


def test_what_takes_too_long_is_given_up(model, standin):
    waters = named("a", "hangs-1")
    forces = DeltaForces(ModelForces(model, waters), standin, timeout=1.0)
    for _ in range(2):
        assert np.isfinite(forces(positions(waters)).energies).tolist() == [True, False]


def test_a_killed_run_of_a_delta_model_ends_with_the_same_bits(model, tmp_path):
    protocol = Protocol(starts={"system": "any"}, temperature=300, length=0.01, timestep=1.0, replicas=2, closest=0.1)

    def run(folder, until=None):
        forces = DeltaForces(ModelForces(model, named("a", "b")), GFN1)
        one = Simulation(named("a", "b"), None, forces, protocol, tmp_path / folder, identity=forces.identity)
        one.run(until)
        return one.state.positions

    run("stopped", until=4)
    assert (run("stopped") == run("whole")).all()


def test_an_engine_that_cannot_treat_the_structures_is_refused(model):
    crystal = bulk("C", "diamond", 3.57)
    with pytest.raises(InputError, match="periodic"):
        DeltaForces(ModelForces(model, [crystal]), GFN1)
