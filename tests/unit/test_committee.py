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


def limited(when: str, limit: float = 1e-4, **changes) -> Protocol:
    """The protocol with a limit that random models exceed at once."""
    return PROTOCOL.model_copy(update={"max_force_deviation": limit, "when_uncertain": when, **changes})


def candidates(simulation: Simulation, folder: Path) -> list[Atoms]:
    simulation.finish(folder / "trajectory.extxyz", folder / "candidates.extxyz")
    return list(iread(folder / "candidates.extxyz", format="extxyz")) if simulation.candidates else []


def test_an_uncertain_simulation_is_stopped_and_its_structure_kept(tmp_path):
    free = run([model(1), model(2)], tmp_path / "free")
    table = free.run()
    assert table["uncertain_ps"].isna().all() and candidates(free, tmp_path / "free") == []
    limit = float(table["max_force_deviation_eV_A"].nlargest(2).mean())  # one replica exceeds it
    simulation = run([model(1), model(2)], tmp_path / "a", limited("stop", limit))
    stopped = simulation.run()
    beyond = table["max_force_deviation_eV_A"] > limit
    assert beyond.any() and not beyond.all()
    assert (stopped["uncertain_ps"].notna() == beyond).all()
    assert (stopped.loc[beyond, "reason"] == "too uncertain").all() and (stopped.loc[~beyond, "reason"] == "").all()
    assert (stopped.loc[beyond, "simulated_ps"] == stopped.loc[beyond, "uncertain_ps"]).all()
    found = candidates(simulation, tmp_path / "a")
    assert [one.info["replica"] for one in found] == sorted(
        stopped.index[beyond], key=lambda k: stopped.uncertain_ps[k]
    )
    for one in found:
        forces = np.array([predict(model(seed), [one])[1][0] for seed in (1, 2)])
        largest = np.sqrt((forces.std(0) ** 2).sum(1)).max()
        assert largest > limit - 1e-5 and one.info["max_force_deviation"] == pytest.approx(largest, abs=1e-5)
        assert one.info["time_ps"] == stopped.uncertain_ps[one.info["replica"]]
    assert len({one.info["id"] for one in found}) == len(found)


def test_a_flagged_simulation_goes_on_and_gives_a_candidate_for_each_frame_at_most(tmp_path):
    free, flagged = (
        run([model(1), model(2)], tmp_path / "a"),
        run([model(1), model(2)], tmp_path / "b", limited("flag")),
    )
    table, other = free.run(), flagged.run()
    assert (other["uncertain_ps"] == 0).all() and (other["simulated_ps"] == table["simulated_ps"]).all()
    assert flagged.trajectory.read_bytes() == free.trajectory.read_bytes()
    found = candidates(flagged, tmp_path / "b")
    assert len(found) == 3 * 5 and {one.info["time_ps"] for one in found} == {0.0, 0.005, 0.01, 0.015, 0.02}


def test_structures_whose_atoms_are_too_close_are_no_candidates(tmp_path):
    simulation = run([model(1), model(2)], tmp_path, limited("flag", closest=5.0))
    assert (simulation.run()["uncertain_ps"] == 0).all() and simulation.candidates == []


def test_candidates_are_the_same_after_a_break(tmp_path):
    through = run([model(1), model(2)], tmp_path / "a", limited("flag"))
    through.run()
    run([model(1), model(2)], tmp_path / "b", limited("flag")).run(until=13)
    resumed = run([model(1), model(2)], tmp_path / "b", limited("flag"))
    resumed.run()
    assert resumed.candidates == through.candidates


def test_one_model_has_no_spread():
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    values["dynamics"]["molecules-hot"]["max_force_deviation"] = 0.5
    with pytest.raises(
        InputError, match=r"molecules-hot\.max_force_deviation: got 0\.5; valid: null, or committee: true"
    ):
        checks.load(values, ROOT)


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
