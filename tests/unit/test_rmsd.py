"""Superposed RMSD of trajectories."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ase import Atoms
from ase.build import molecule
from ase.io import write
from scipy.spatial.transform import Rotation

from mftl import checks
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.observables import rmsd
from mftl.plotting import rmsd as drawing
from mftl.tables import rmsd as rmsd_table

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()


def test_turned_and_moved_is_the_same():
    atoms, random = molecule("CH3CH2OH"), np.random.default_rng(0)
    turned = Rotation.random(random_state=1).apply(atoms.positions) + np.array([3.0, -20.0, 100.0])
    assert rmsd.superposed(turned, atoms.positions) == pytest.approx(0, abs=1e-10)
    moved = atoms.positions + random.normal(scale=0.1, size=(9, 3))
    found = rmsd.superposed(moved, atoms.positions)
    plain = np.sqrt(((moved - atoms.positions) ** 2).sum(1).mean())
    assert 0.5 * plain < found <= plain  # the best superposition is at least as good as none
    flat = molecule("H2O").positions
    chiral = np.vstack([atoms.positions, [[0.3, 1.0, 0.9]]])
    assert rmsd.superposed(flat * [1, -1, 1], flat) < 1e-6  # its mirror image is itself, turned
    assert rmsd.superposed(chiral * [1, 1, -1], chiral) > 0.1


def test_stretched_by_a_known_amount():
    apart = np.array([[0.0, 0, 0], [2.0, 0, 0]])
    assert rmsd.superposed(apart * 1.5, apart) == pytest.approx(0.5)  # each atom by 0.5 Å from the centre


def frames():
    """Two replicas of water for 1 ps, whose O-H bonds grow; the second breaks after 0.5 ps."""
    water, found = molecule("H2O"), []
    for step in range(11):
        for replica in (0, 1):
            if replica == 1 and step > 5:
                continue
            atoms = Atoms(water.numbers, water.positions * (1 + 0.02 * step * (1 + replica)))
            atoms.info |= {"replica": replica, "time_ps": step / 10}
            found.append(atoms)
    return found


def test_frames_of_replicas(tmp_path):
    found = rmsd.of_simulations(frames(), "all")
    assert (found.groupby("replica")["rmsd_A"].first() == 0).all()
    assert found[found["replica"] == 0]["rmsd_A"].is_monotonic_increasing and len(found) == 17
    assert (rmsd.of_simulations(frames(), "heavy")["rmsd_A"] == 0).all()  # one atom


def test_what_is_skipped_is_still_what_is_compared_with():
    whole, later = rmsd.of_simulations(frames(), "all"), rmsd.of_simulations(frames(), "all", skip=0.3)
    pd.testing.assert_frame_equal(later, whole[whole["time_ps"] >= 0.3].reset_index(drop=True))
    none = rmsd.of_simulations(frames(), "all", skip=2.0)
    assert none.empty and list(none) == list(whole)


def test_a_solvent_does_not_count():
    """Water that stays, and one beside it that flies off."""
    beside = [one + Atoms("OH2", one.positions + one.info["time_ps"] * 50 + 5) for one in frames()]
    for one, alone in zip(beside, frames(), strict=True):
        one.info = alone.info
    pd.testing.assert_frame_equal(
        rmsd.of_simulations(beside, "all", first_atoms=3), rmsd.of_simulations(frames(), "all")
    )
    assert rmsd.of_simulations(beside, "all")["rmsd_A"].max() > 10


def test_running_means():
    times = np.arange(11) / 10
    assert rmsd.smoothed(times, times, 0.0) is times
    found = rmsd.smoothed(times, times, 0.21)
    assert found[5] == pytest.approx(0.5) and found[0] == pytest.approx(0.05)  # of what there is
    assert rmsd.smoothed(times, np.ones(11), 0.5) == pytest.approx(np.ones(11))


def test_table_and_figure(tmp_path):
    write(tmp_path / "t.extxyz", frames(), format="extxyz")
    pd.DataFrame({"replica": [0, 1], "failed_ps": [np.nan, 0.5]}).to_csv(tmp_path / "e.csv", index=False)
    runs = [{"curve": "mftl", "value": 25, "seed": "1-3"}]
    inputs = {"events": [tmp_path / "e.csv"], "trajectories": [tmp_path / "t.extxyz"]}
    table = rmsd_table.table(inputs, {"runs": runs, "measured": {"atoms": "all", "skip": 0.0, "first_atoms": None}})
    assert table[table["replica"] == 1]["failed_ps"].eq(0.5).all() and table["seed"].eq("1-3").all()
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    panel = {"label": "gas", "models": [{"curve": "mftl", "value": 25, "label": "MFTL"}]}
    own = {"kind": "rmsd", "protocol": "molecules-hot", "panels": [panel], "atoms": "all", "window": 0.2}
    values["figures"] = {"r": own, "wrong": own | {"protocol": "cold"}}
    config = checks.load(values, ROOT)
    section = config.figures["r"]
    assert not checks.of_figure(config, "r", ROOT) and "protocol: got 'cold'" in "".join(
        checks.of_figure(config, "wrong")
    )
    params = section.params(config)
    figure = drawing.plot(table, params["panels"], STYLE, params)
    (axis,) = figure.axes
    lines = [line for line in axis.lines if line.get_marker() != "x"]
    crosses = [line for line in axis.lines if line.get_marker() == "x"]
    assert len(lines) == 2 and len(crosses) == 1 and crosses[0].get_xdata()[0] == 0.5
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["MFTL"]
    assert "running means over 0.2 ps" in section.text(config)
    solute = section.model_copy(update={"first_atoms": 3})
    assert "all atoms among the first 3" in solute.text(config)
    late = rmsd_table.table(inputs, {"runs": runs, "measured": {"atoms": "all", "skip": 2.0, "first_atoms": None}})
    assert late.empty
    drawing.plot(late, params["panels"], STYLE, params)
