"""A committee of models as one force field: the mean of its members, and how far they are apart."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import molecule
from ase.io import iread

from mftl import checks, models
from mftl.config.dynamics import Protocol
from mftl.config.studies import complete
from mftl.config.training import Architecture
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.simulation import Simulation
from mftl.inputs import InputError
from mftl.paths import members, runs_of
from mftl.plan import dynamics as plan
from mftl.prediction import predict

ROOT = Path(__file__).parents[2]
ELEMENTS = ["H", "C", "O"]
PROTOCOL = Protocol(
    starts={"crystal": {"lattice": "diamond", "element": "Ge", "lattice_constant": 5.6}}, temperature=500.0,
    length=0.02, replicas=3, friction=5.0, frame_every=0.005, closest=0.1, max_temperature=1e6, committee=True,
)  # fmt: skip


def model(seed: int, cutoff: float = 4.0):
    architecture = Architecture(channels=4, radial_mlp=[8], readout_channels=4, cutoff=cutoff)
    return models.build_model(architecture, ELEMENTS, 8.0, 1.0, seed, models.DTYPES["float64"])


def ethanol() -> Atoms:
    atoms = molecule("CH3CH2OH")
    atoms.info["id"] = "ethanol"
    return atoms


def run(force_field, folder: Path, protocol: Protocol = PROTOCOL) -> Simulation:
    return Simulation([ethanol()], None, ModelForces(force_field, [ethanol()] * protocol.replicas), protocol, folder)


def test_mean_and_standard_deviation_of_its_members():
    structures, random = [ethanol(), molecule("H2O")], np.random.default_rng(0)
    positions = np.concatenate([atoms.positions for atoms in structures])
    positions += 0.1 * random.standard_normal(positions.shape)
    found = ModelForces([model(seed) for seed in (1, 2, 3)], structures)(positions)
    alone = [ModelForces(model(seed), structures)(positions) for seed in (1, 2, 3)]
    np.testing.assert_allclose(found.energies, np.mean([one.energies for one in alone], axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.forces, np.mean([one.forces for one in alone], axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.deviations, np.std([one.forces for one in alone], axis=0), rtol=1e-12)
    assert (found.deviations > 0).any() and alone[0].deviations is None


def test_a_committee_of_one_is_that_model_bit_for_bit(tmp_path):
    alone, one = run(model(1), tmp_path / "a"), run([model(1)], tmp_path / "b")
    assert alone.run().equals(one.run())
    assert alone.trajectory.read_bytes() == one.trajectory.read_bytes()


def test_what_is_written_is_the_standard_deviation_of_its_members_forces(tmp_path):
    simulation = run([model(1), model(2)], tmp_path)
    table = simulation.run()
    assert (table["force_deviation_eV_A"] > 0).all()
    found = [atoms for atoms in iread(simulation.trajectory, format="extxyz") if atoms.info["time_ps"] > 0]
    assert len(found) == 3 * 4
    forces = [predict(model(seed), found)[1] for seed in (1, 2)]
    for k, atoms in enumerate(found):
        expected = np.std([one[k] for one in forces], axis=0)
        np.testing.assert_allclose(atoms.arrays["forces_deviation"], expected, atol=2e-7)  # digits of positions


def test_killed_and_resumed(tmp_path):
    through = run([model(1), model(2)], tmp_path / "a")
    table = through.run()
    run([model(1), model(2)], tmp_path / "b").run(until=13)
    resumed = run([model(1), model(2)], tmp_path / "b")
    assert resumed.run().equals(table)
    assert resumed.trajectory.read_bytes() == through.trajectory.read_bytes()


def test_members_that_do_not_fit_each_other_are_refused():
    with pytest.raises(InputError, match="different elements, cutoffs or types"):
        ModelForces([model(1), model(2, cutoff=5.0)], [ethanol()])


def test_all_seeds_of_a_curve_are_one_run():
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    curve, value = "single-fidelity", 25
    single = checks.load(values, ROOT)
    assert [one["seed"] for one in runs_of(single, [curve], [value], "molecules-hot")] == [1, 2, 3]
    values["dynamics"]["molecules-hot"]["committee"] = True
    config = checks.load(values, ROOT)
    (one,) = runs_of(config, [curve], [value], "molecules-hot")
    assert one["seed"] == "1-3" and members("1-3") == [1, 2, 3] and members(2) == [2]
    wildcards = SimpleNamespace(**one)
    asked = plan.inputs(config, wildcards, lambda: False)["models"]
    assert [path.split("/")[-2] for path in asked] == ["seed-1", "seed-2", "seed-3"]
    assert [one["seed"] for one in runs_of(config, [curve], [value])] == [1, 2, 3]  # phonons have no protocol
