"""Molecular dynamics: the ensembles it samples, the same bits after a kill, and what happens to replicas that fail."""

import copy
import multiprocessing
import os
import signal
import time

import numpy as np
import physical_validation as pv
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.io import read
from ase.md.verlet import VelocityVerlet

from mftl import models
from mftl.config.dynamics import Protocol
from mftl.config.training import Architecture
from mftl.dynamics import starts
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.integrators import Evaluation, State, baoab, kinetic_energies, maxwell_boltzmann, velocity_verlet
from mftl.dynamics.records import BOND, NOT_FINITE, OVERLAP, TOO_HOT
from mftl.dynamics.simulation import Simulation
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.structures import Structures, write_structures

UNITS = pv.data.UnitData(
    kb=units.kB,
    energy_conversion=96.485,
    length_conversion=0.1,
    volume_conversion=1e-3,
    temperature_conversion=1.0,
    pressure_conversion=1.0,
    time_conversion=1e-3,
)  # of eV, Å, K, fs


class Springs:
    """Atoms joined to their sites and to their neighbours by springs: a harmonic crystal, R replicas of N³ atoms."""

    def __init__(self, replicas, side, site=1.0, bond=5.0):
        self.shape, self.site, self.bond, self.count = (side, side, side, 3), site, bond, replicas
        self.sites = np.zeros((side**3, 3))
        self.broken = {}  # replica: number of calls after which it has nan for forces
        self.names, self.calls = list(range(replicas)), 0

    def __call__(self, positions):
        u = (positions.reshape(self.count, -1, 3) - self.sites).reshape(self.count, *self.shape)
        forces, energies = -self.site * u, 0.5 * self.site * (u**2).sum((1, 2, 3, 4))
        for axis in (1, 2, 3):
            stretch = np.roll(u, -1, axis) - u
            forces += self.bond * (stretch - np.roll(stretch, 1, axis))
            energies += 0.5 * self.bond * (stretch**2).sum((1, 2, 3, 4))
        self.calls += 1
        for i, name in enumerate(self.names):
            if self.calls > self.broken.get(name, np.inf):
                forces[i] = np.nan
        return Evaluation(energies, forces.reshape(-1, 3), np.full(self.count, np.inf))

    def keep(self, kept):
        self.names = [name for name, own in zip(self.names, kept, strict=True) if own]
        self.count = len(self.names)

    def state(self):
        return {"calls": self.calls}

    def restore(self, state):
        self.calls = state["calls"]


class Bonded:
    """Molecules whose bonds and 1-3 distances are springs."""

    def __init__(self, atoms, replicas=1):
        pairs = np.array([(i, j) for i in range(len(atoms)) for j in range(i) if atoms.get_distance(i, j) < 2.6])
        lengths = np.linalg.norm(np.diff(atoms.positions[pairs], axis=1)[:, 0], axis=1)
        self.count, self.lengths = replicas, np.tile(lengths, replicas)
        self.first, self.second = np.concatenate([pairs + k * len(atoms) for k in range(replicas)]).T

    def __call__(self, positions):
        vectors = positions[self.second] - positions[self.first]
        lengths = np.linalg.norm(vectors, axis=1)
        pulls = 20.0 * (1 - self.lengths / lengths)[:, None] * vectors
        forces = np.zeros_like(positions)
        np.add.at(forces, self.first, pulls)
        np.add.at(forces, self.second, -pulls)
        energies = (10.0 * (lengths - self.lengths) ** 2).reshape(self.count, -1).sum(1)
        return Evaluation(energies, forces, np.full(self.count, np.inf))


def start_state(forces, positions, masses, temperature, seed=0):
    velocities = maxwell_boltzmann(masses, temperature, np.random.default_rng(seed))
    return State(positions.copy(), velocities, masses, forces(positions))


def system(name, replicas=1):
    """A crystal of 27 atoms of two masses, or ethanol: forces, positions and masses."""
    if name == "crystal":
        masses = np.where(np.arange(27) % 2, 28.0, 72.6)[:, None]
        return Springs(replicas, 3), np.zeros((27 * replicas, 3)), np.tile(masses, (replicas, 1))
    ethanol = molecule("CH3CH2OH")
    masses, positions = ethanol.get_masses()[:, None], ethanol.positions
    return Bonded(ethanol, replicas), np.tile(positions, (replicas, 1)), np.tile(masses, (replicas, 1))


@pytest.mark.parametrize("name", ["crystal", "ethanol"])
def test_fluctuation_of_the_energy_is_of_order_dt_squared(name):
    forces, positions, masses = system(name)
    found = []
    for dt in (0.5, 0.25):
        state = start_state(forces, positions, masses, 600)
        energies = []
        for _ in range(round(100 / dt)):
            velocity_verlet(state, forces, dt * units.fs)
            energies.append(state.now.energies[0] + kinetic_energies(state, np.array([0]))[0])
        found.append(pv.data.SimulationData(units=UNITS, dt=dt, observables=pv.data.ObservableData()))
        found[-1].observables.constant_of_motion = np.array(energies)
    assert pv.integrator.convergence(found, verbose=False) < 0.1
    energies = found[1].observables.constant_of_motion
    assert abs(energies[200:].mean() - energies[:200].mean()) < energies.std()  # no drift


@pytest.mark.parametrize("name", ["crystal", "ethanol"])
def test_kinetic_energy_is_that_of_the_canonical_ensemble(name):
    """Mean and width of its distribution, with 3N degrees of freedom; and equipartition of the harmonic energy."""
    replicas = 64
    forces, positions, masses = system(name, replicas)
    atoms = len(masses) // replicas
    state, random, kinetic, potential = start_state(forces, positions, masses, 500), np.random.default_rng(1), [], []
    for step in range(1, 2001):
        noise = random.standard_normal(positions.shape)
        baoab(state, forces, 0.25 * units.fs, 40 / (1000 * units.fs), 500, noise)
        if step > 500 and step % 100 == 0:  # 25 fs, in which friction makes them new
            kinetic.append(kinetic_energies(state, np.arange(0, len(masses), atoms)))
            potential.append(state.now.energies)
    data = pv.data.SimulationData(
        units=UNITS,
        dt=25.0,
        system=pv.data.SystemData(natoms=atoms, nconstraints=0, ndof_reduction_tra=0, ndof_reduction_rot=0),
        ensemble=pv.data.EnsembleData("NVT", natoms=atoms, volume=1.0, temperature=500),
        observables=pv.data.ObservableData(kinetic_energy=np.concatenate(kinetic)),
    )
    mean, width = pv.kinetic_energy.distribution(data, verbosity=0, bootstrap_seed=1, data_is_uncorrelated=True)
    assert mean < 3 and width < 3  # standard errors
    expected = 1.5 * atoms * units.kB * 500
    assert np.mean(kinetic) == pytest.approx(expected, rel=0.02)
    if name == "crystal":
        assert np.mean(potential) == pytest.approx(expected, rel=0.03)


def test_initial_velocities_leave_the_centre_of_mass_at_rest():
    masses = np.array([1.0, 16.0, 72.6, 183.8])[:, None]
    draws = [maxwell_boltzmann(masses, 300, np.random.default_rng(k)) for k in range(4000)]
    assert np.abs([(masses * v).sum(0) for v in draws]).max() < 1e-12
    energy = np.mean([0.5 * (masses * v**2).sum() for v in draws])
    assert energy == pytest.approx((3 * 4 - 3) / 2 * units.kB * 300, rel=0.03)


# --- replicas

PROTOCOL = Protocol(
    starts={"crystal": {"lattice": "sc", "element": "Ge", "lattice_constant": 3.0}},
    temperature=300, timestep=1.0, length=0.2, replicas=4, frame_every=0.05, closest=1.0, max_temperature=5000,
)  # fmt: skip


def crystal_replicas(folder, protocol=PROTOCOL, identity="", **broken):
    structure = Atoms("Ge8", np.zeros((8, 3)), info={"id": "crystal"})
    forces = Springs(protocol.replicas, 2)
    forces.broken = {int(k.removeprefix("r")): calls for k, calls in broken.items()}
    return Simulation([structure], None, forces, protocol, folder, identity=identity, checkpoint_seconds=1e9)


def changed(**values):
    return PROTOCOL.model_copy(update=values)


@pytest.mark.parametrize("ensemble", ["nvt", "nve"])
def test_resumed_run_ends_with_the_same_bits(tmp_path, ensemble):
    protocol = changed(ensemble=ensemble, velocities=True)
    through = crystal_replicas(tmp_path / "a", protocol, r1=60)
    table = through.run()
    crystal_replicas(tmp_path / "b", protocol, r1=60).run(until=70)
    stale = crystal_replicas(tmp_path / "b", protocol, r1=60)
    stale.trajectory.open("ab").write(b"half a frame that was never saved")
    again = stale.run()
    assert again.equals(table)
    assert stale.trajectory.read_bytes() == through.trajectory.read_bytes()
    assert (stale.state.positions == through.state.positions).all()
    assert (stale.state.velocities == through.state.velocities).all()


def _run_until_killed(folder):
    run = crystal_replicas(folder, changed(length=100.0), identity="x")
    run.checkpoint_seconds = 0.05
    run.run()


def test_run_killed_at_any_moment_goes_on(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_run_until_killed, args=(tmp_path,))
    process.start()
    while not (tmp_path / "state.pkl").exists():
        time.sleep(0.01)
    time.sleep(0.17)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    resumed = crystal_replicas(tmp_path, changed(length=100.0), identity="x")
    size = resumed._resume()
    assert resumed.step > 0 and size > 0
    at = resumed.step + 30
    resumed = crystal_replicas(tmp_path, changed(length=100.0), identity="x")
    resumed.run(until=at)
    through = crystal_replicas(tmp_path / "through", changed(length=100.0), identity="x")
    through.run(until=at)
    assert resumed.step == through.step == at
    assert resumed.trajectory.read_bytes() == through.trajectory.read_bytes()
    assert (resumed.state.positions == through.state.positions).all()


def test_state_of_another_run_is_not_continued(tmp_path):
    crystal_replicas(tmp_path, identity="old").run(until=50)
    other = crystal_replicas(tmp_path, identity="new")
    assert other._resume() == 0 and other.step == 0


def test_replica_that_explodes_leaves_the_others_alone(tmp_path):
    calm = crystal_replicas(tmp_path / "calm")
    calm.run()
    failing = crystal_replicas(tmp_path / "failing", r2=100)
    table = failing.run().set_index("replica")
    assert table.loc[2, "reason"] == NOT_FINITE
    assert table.loc[2, ["simulated_ps", "failed_ps", "overlap_ps"]].tolist() == [0.1, 0.1, 0.1]
    assert (table["reason"].drop(2) == "").all() and table["overlap_ps"].drop(2).isna().all()
    assert (table["simulated_ps"].drop(2) == 0.2).all()
    others = np.repeat([True, True, False, True], 8)
    assert (failing.state.positions == calm.state.positions[others]).all()
    frames = read(failing.trajectory, ":")
    assert [a.info["time_ps"] for a in frames if a.info["replica"] == 2] == [0.0, 0.05, 0.1]
    assert [a.info["time_ps"] for a in frames if a.info["replica"] == 3] == [0.0, 0.05, 0.1, 0.15, 0.2]


@pytest.mark.parametrize("calls", [0, 20])
def test_all_replicas_fail_and_each_has_its_row(tmp_path, calls):
    run = crystal_replicas(tmp_path, r0=calls, r1=calls, r2=calls, r3=calls)
    table = run.run()
    assert len(table) == 4 and (table["reason"] == NOT_FINITE).all()
    assert run.step == max(0, calls)  # nothing is paid for after that
    again = run.table()
    assert again.equals(table)


def test_replica_that_becomes_too_hot_is_stopped(tmp_path):
    table = crystal_replicas(tmp_path, changed(max_temperature=320.0)).run()
    assert (table["reason"] == TOO_HOT).any()
    stopped = table[table["reason"] == TOO_HOT]
    assert (stopped["simulated_ps"] == stopped["failed_ps"]).all()


class Straight:
    """No forces; smallest distances are those of the atoms."""

    def __init__(self, replicas):
        self.replicas = replicas

    def __call__(self, positions):
        parts = np.split(positions, np.cumsum([len(a) for a in self.replicas])[:-1])
        near = [min(np.linalg.norm(x[i] - x[j]) for i in range(len(x)) for j in range(i)) for x in parts]
        return Evaluation(np.zeros(len(parts)), np.zeros_like(positions), np.array(near))

    def keep(self, kept):
        self.replicas = [a for a, own in zip(self.replicas, kept, strict=True) if own]


def test_both_criteria_are_recorded_and_only_both_stop(tmp_path):
    """Three atoms of which one flies through another and away: first an overlap, then a broken bond."""
    atoms = Atoms("H3", [[0, 0, 0], [0, 0, 0.75], [0, 0, 2.0]], info={"id": "h3"})
    bonds = starts.reference_bonds(atoms)
    assert bonds.pairs.tolist() == [[0, 1]] and bonds.lengths == pytest.approx([0.75])
    protocol = changed(ensemble="nve", replicas=2, closest=0.4, bond_deviation=0.5, max_temperature=1e9, length=0.5)
    still = Atoms("H3", atoms.positions, info={"id": "still"})
    run = Simulation([atoms, still], [bonds, bonds], Straight([atoms, still]), protocol, tmp_path)
    run.state.velocities[:] = 0
    run.state.velocities[0, 2] = 0.01 / units.fs  # 0.01 Å in each step towards the second atom
    table = run.run()
    moved = table.iloc[0]
    assert moved["reason"] == OVERLAP
    assert moved["overlap_ps"] == pytest.approx(0.036, abs=0.0015)
    assert moved["bond_ps"] == pytest.approx(0.051, abs=0.0015)  # at 0.24 Å
    assert moved["simulated_ps"] == moved["bond_ps"]
    assert table.iloc[1]["reason"] == "" and table.iloc[1]["simulated_ps"] == 0.5
    assert table.iloc[1]["closest_A"] == 0.75


def test_overlap_between_frames_is_seen_in_steps_alone(tmp_path):
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.75]], info={"id": "h2"})
    for overlaps, seen in (("steps", 0.036), ("frames", None)):
        protocol = changed(ensemble="nve", replicas=1, closest=0.4, max_temperature=1e9, length=0.2, frame_every=0.13)
        protocol = protocol.model_copy(update={"overlaps": overlaps})
        run = Simulation([atoms], None, Straight([atoms]), protocol, tmp_path / overlaps)
        run.state.velocities[:] = [[0, 0, 0.01 / units.fs], [0, 0, 0]]
        found = run.run()["overlap_ps"].iloc[0]
        assert np.isnan(found) if seen is None else found == pytest.approx(seen, abs=0.0015)


def test_broken_bond_alone_does_not_stop(tmp_path):
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.75]], info={"id": "h2"})
    protocol = changed(ensemble="nve", replicas=1, closest=0.4, bond_deviation=0.5, max_temperature=1e9, length=0.2)
    run = Simulation([atoms], [starts.reference_bonds(atoms)], Straight([atoms]), protocol, tmp_path)
    run.state.velocities[:] = [[0, 0, -0.01 / units.fs], [0, 0, 0]]
    (row,) = run.run().to_dict("records")
    assert row["reason"] == BOND and row["failed_ps"] == row["bond_ps"] == pytest.approx(0.051, abs=0.0015)
    assert row["simulated_ps"] == 0.2 and np.isnan(row["overlap_ps"])
    assert row["bond_deviation_A"] == pytest.approx(2.0)


# --- models

ELEMENTS = ["H", "C", "O", "Ge"]


def small_model(dtype="float64", cutoff=4.0):
    model = models.build_model(
        Architecture(channels=4, radial_mlp=[8], cutoff=cutoff), ELEMENTS, 8.0, 1.0, 1, models.DTYPES[dtype]
    )
    models.set_reference_energies(model, np.array([-1.0, -2.0, -3.0, -4.0]))
    return model


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("dynamics") / "model.pt"
    models.save_model(small_model(), path)
    return path


def germanium(repeat=2, seed=0):
    atoms = bulk("Ge", "diamond", 5.66, cubic=True).repeat((repeat, repeat, 1))
    atoms.rattle(0.1, seed=seed)
    return atoms


@pytest.mark.parametrize("what", ["ethanol", "germanium"])
def test_same_trajectory_as_ase_s_own_verlet_with_maces_own_calculator(model_file, tmp_path, what):
    from mace.calculators import MACECalculator

    atoms = molecule("CH3CH2OH") if what == "ethanol" else germanium(1)
    protocol = changed(ensemble="nve", replicas=2, timestep=1.0, length=0.04, temperature=2000, closest=0.1)
    forces = ModelForces(models.load_model(model_file), [atoms, atoms])
    run = Simulation([atoms], None, forces, protocol, tmp_path)
    velocities = run.state.velocities.copy()
    run.run()
    for k in range(2):
        own = slice(k * len(atoms), (k + 1) * len(atoms))
        other = atoms.copy()
        other.calc = MACECalculator(model_paths=str(model_file), device="cpu", default_dtype="float64")
        other.set_velocities(velocities[own])
        VelocityVerlet(other, 1.0 * units.fs).run(40)
        assert np.abs(other.positions - atoms.positions).max() > 0.1  # something happens
        assert run.state.positions[own] == pytest.approx(other.positions, abs=1e-9)
        assert run.state.velocities[own] == pytest.approx(other.get_velocities(), abs=1e-9)
        assert run.state.now.energies[k] == pytest.approx(other.get_potential_energy(), abs=1e-8)


def test_forces_are_those_of_a_fresh_neighbour_list_wherever_atoms_went(monkeypatch):
    """Few searches, unwrapped positions many cells away, groups of replicas, replicas taken out: the same forces."""
    monkeypatch.setattr("mftl.dynamics.forces.CPU_EDGES", 300)
    structures = [germanium(1, k) for k in range(3)] + [molecule("CH3CH2OH")]
    model = small_model()
    forces = ModelForces(model, structures)
    assert len(forces.groups) > 1
    random = np.random.default_rng(0)
    positions = np.concatenate([a.positions for a in structures])
    searched = 0
    for step in range(12):
        before = forces.positions.copy()
        positions += 0.05 * random.standard_normal(positions.shape)
        if step == 5:
            positions[:8] += 3 * structures[0].cell[0]  # some lattice vectors on: nothing may change
        found = forces(positions)
        searched += (forces.positions != before).any()
        moved = [a.copy() for a in structures]
        for atoms, own in zip(moved, np.split(positions, np.cumsum([len(a) for a in moved])[:-1]), strict=True):
            atoms.positions = own
        fresh = ModelForces(model, moved, skin=0.0)(positions)
        assert found.forces == pytest.approx(fresh.forces, abs=1e-10)
        assert found.energies == pytest.approx(fresh.energies, abs=1e-10)
        assert found.closest == pytest.approx(
            [a.get_all_distances(mic=True)[np.triu_indices(len(a), 1)].min() for a in moved]
        )
        if step == 7:
            forces.keep(np.array([True, False, True, True]))
            structures = [structures[k] for k in (0, 2, 3)]
            positions = np.concatenate([positions[:8], positions[16:]])
    assert 1 < searched < 11


def test_pairs_beyond_the_cutoff_would_change_nothing():
    atoms = germanium(1)
    model = small_model()
    forces = ModelForces(model, [atoms], skin=0.0)
    exact = forces(atoms.positions).forces
    wide = ModelForces(model, [atoms], skin=1.5)
    wide.cutoff += 1.5  # gives the model all pairs of its lists
    assert len(wide.senders) > 1.5 * len(forces.senders)
    assert wide(atoms.positions).forces == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(
    "architecture, replaced",
    [
        ({}, [False, False]),  # lean layers do without MACE's modules
        ({"correlation": 4}, [True, True]),
        ({"max_l": 1}, [False, False]),
        ({"max_l": 1, "correlation": 4}, [True, False]),
    ],
)
def test_faster_convolution_gives_what_mace_s_own_gives(architecture, replaced):
    given = Architecture(channels=4, radial_mlp=[8], max_ell=3, **architecture)
    model = models.build_model(given, ELEMENTS, 8.0, 1.0, 1, models.DTYPES["float64"])
    structures = [germanium(1), molecule("CH3CH2OH"), Atoms("GeH", [[0, 0, 0], [0, 0, 9]])]
    energies, own = predict(model, structures)
    forces = ModelForces(model, structures)
    assert [hasattr(block, "conv_fusion") for block in model.interactions] == replaced
    found = forces(np.concatenate([a.positions for a in structures]))
    assert found.forces == pytest.approx(np.concatenate(own), abs=1e-12)
    assert found.energies == pytest.approx(energies, abs=1e-11)


def test_a_model_moves_atoms_in_another_floating_point_type(model_file, tmp_path):
    """In float32 the forces of a float64 model are off by rounding alone, and so is the start of a trajectory."""
    ends = []
    models.save_model(models.load_model(model_file, dtype="float64"), tmp_path / "double.pt")
    for dtype in (None, "float32"):
        model = models.load_model(tmp_path / "double.pt", dtype=dtype)
        forces = ModelForces(model, [germanium(1)])
        assert forces.dtype == models.DTYPES[dtype or "float64"]
        protocol = changed(ensemble="nve", replicas=1, timestep=1.0, length=0.01, temperature=1000, closest=0.1)
        run = Simulation([germanium(1)], None, forces, protocol, tmp_path / str(dtype))
        run.run()
        ends.append(run.state.positions)
    assert ends[0].dtype == ends[1].dtype == np.float64
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-5)
    assert (ends[1] != ends[0]).any()


def test_atoms_out_of_reach_of_each_other_feel_nothing():
    apart = Atoms("HO", [[0, 0, 0], [0, 0, 50.0]])
    found = ModelForces(small_model(), [apart, apart])(np.concatenate([apart.positions] * 2))
    assert (found.forces == 0).all() and np.isinf(found.closest).all() and np.isfinite(found.energies).all()


def test_run_with_a_model_is_resumed_bit_by_bit(tmp_path):
    """Neighbours searched at different times for different replicas, in float32."""
    structures = [germanium(1), molecule("CH3CH2OH")]
    protocol = changed(replicas=3, timestep=2.0, length=0.24, temperature=3000, friction=10.0, frame_every=0.06)
    protocol = protocol.model_copy(update={"closest": 0.9, "max_temperature": 1e5})

    model = small_model("float32")

    def simulation(name):
        forces = ModelForces(model, [structures[k % 2] for k in range(3)])
        return Simulation(structures, None, forces, protocol, tmp_path / name)

    models.fix_numerics()
    through = simulation("a")
    table = through.run()
    simulation("b").run(until=47)
    resumed = simulation("b")
    assert resumed.run().equals(table)
    assert resumed.trajectory.read_bytes() == through.trajectory.read_bytes()
    assert (resumed.state.positions == through.state.positions).all()


def test_model_that_is_not_a_number_fails_at_once(tmp_path):
    model = small_model()
    for parameter in model.parameters():
        parameter.data.fill_(np.nan)
    atoms = molecule("CH3CH2OH")
    run = Simulation([atoms], None, ModelForces(model, [atoms] * 2), changed(replicas=2, closest=0.5), tmp_path)
    table = run.run()
    assert (table["reason"] == NOT_FINITE).all() and (table["simulated_ps"] == 0).all()


def test_element_that_the_model_does_not_know_is_named():
    with pytest.raises(InputError, match=r"structure w2 holds W.*it knows H, C, O, Ge"):
        ModelForces(small_model(), [Atoms("W2", [[0, 0, 0], [0, 0, 2.5]], info={"id": "w2"})])


# --- where simulations start


def test_bonds_have_the_lengths_of_the_undistorted_molecule(tmp_path):
    ethanol = molecule("CH3CH2OH")
    random = np.random.default_rng(0)
    others = []
    for k in range(41):
        one = Atoms(ethanol.numbers, ethanol.positions + 0.05 * random.standard_normal((9, 3)))
        one.info |= {"id": f"e{k}", "molecule": "ethanol"}
        others.append(one)
    isomer = others[0].copy()
    isomer.info["molecule"], isomer.positions = "other", 3 * isomer.positions
    bonds = starts.reference_bonds(others[0], [*others, isomer])
    assert len(bonds.lengths) == 8
    exact = [ethanol.get_distance(i, j) for i, j in bonds.pairs]
    assert bonds.lengths == pytest.approx(exact, abs=0.04)
    starts.write_starts(tmp_path / "starts.extxyz", others[:2], [bonds, bonds])
    structures, again = starts.read_starts(tmp_path / "starts.extxyz")
    assert [a.info["id"] for a in structures] == ["e0", "e1"] and "bonds" not in structures[0].info
    assert (again[1].pairs == bonds.pairs).all() and again[1].lengths == pytest.approx(bonds.lengths, abs=1e-8)


def test_bonds_of_a_crystal_cross_its_faces():
    atoms = starts.crystal("diamond", "Ge", 5.66)
    bonds = starts.reference_bonds(atoms)
    assert len(bonds.lengths) == 16 and bonds.lengths == pytest.approx(5.66 * 3**0.5 / 4)
    vectors = atoms.positions[bonds.pairs[:, 1]] - atoms.positions[bonds.pairs[:, 0]] + bonds.shifts
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(bonds.lengths)


def test_structures_to_start_from_are_the_first_that_fit(tmp_path):
    atoms = [Atoms("H", info={"id": f"s{k}", "kind": "ab"[k % 2]}) for k in range(6)]
    write_structures(tmp_path / "pool.extxyz", atoms)
    pool = Structures(tmp_path / "pool.extxyz")
    chosen = starts.choose(pool, ["s5", "s3", "s2", "s1"], 2, {"kind": ["b"]}, "test set")
    assert [a.info["id"] for a in chosen] == ["s5", "s3"]
    with pytest.raises(InputError, match="3 structures to start from wanted, but only 1 of 2"):
        starts.choose(pool, ["s1", "s2"], 3, {"kind": ["a"]}, "test set")


def test_length_is_rounded_to_whole_steps(tmp_path):
    run = crystal_replicas(tmp_path, changed(timestep=0.3, length=0.01))
    assert run.steps == 33
    assert copy.copy(run).run()["length_ps"].iloc[0] == pytest.approx(0.0099)
