"""Points: intervals that cover, draws that belong together, structures that decide."""

import numpy as np
import pandas as pd
import pytest

from mftl import points

IDS = [f"structure-{i}" for i in range(200)]


def test_a_structure_is_taken_equally_often_whatever_is_beside_it():
    some = points.counts(IDS)
    assert some.shape == (1 + points.DRAWS, 200) and (some[0] == 1).all()
    assert (points.counts(IDS[::-1])[:, ::-1] == some).all()
    assert (points.counts(IDS[50:60]) == some[:, 50:60]).all()
    assert some[1:].mean() == pytest.approx(1.0, abs=0.02) and some[1:].var() == pytest.approx(1.0, abs=0.05)


def test_very_few_structures_are_never_none():
    assert (points.counts(["alone"]).sum(1) > 0).all()


def test_the_estimate_and_its_interval():
    """The interval of a mean over many structures is that of the normal distribution."""
    absolutes = np.abs(np.random.default_rng(0).normal(100.0, 30.0, size=(1, 200)))
    rmse, mae = points.point(absolutes**2, absolutes, np.ones(200), IDS, "one")
    assert mae["estimate"] == pytest.approx(absolutes.mean()) and rmse["estimate"] == pytest.approx(
        np.sqrt((absolutes**2).mean())
    )
    half = 1.96 * absolutes.std() / np.sqrt(200)
    assert mae["high"] - mae["estimate"] == pytest.approx(half, rel=0.2)
    assert mae["estimate"] - mae["low"] == pytest.approx(half, rel=0.2)


def test_seeds_widen_the_interval_by_student_s_t():
    """Of three seeds with a spread of 10 %: a factor of exp(4.30 x 0.1/sqrt(3)) on both sides."""
    errors = np.exp(np.repeat(np.array([[-0.1], [0.0], [0.1]]), 1 + points.DRAWS, axis=1))
    row = points.row("rmse", points.mean_over_seeds(errors, "one"))
    assert row["estimate"] == pytest.approx(1.0)
    assert np.log(row["high"]) == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=0.25)
    assert np.log(row["low"]) == pytest.approx(-4.303 * 0.1 / np.sqrt(3), rel=0.25)
    other = points.mean_over_seeds(errors, "another")
    assert abs(np.corrcoef(other[1:], points.mean_over_seeds(errors, "one")[1:])[0, 1]) < 0.2  # moved independently


def test_paired_draws_tell_what_unpaired_ones_could_not():
    """Two curves, one a tenth better on every structure: certain, though both intervals overlap."""
    worse = np.abs(np.random.default_rng(1).normal(100.0, 60.0, size=(1, 200)))
    tables = [pd.DataFrame(points.point(a**2, a, np.ones(200), IDS, "p")) for a in (0.95 * worse, worse)]
    better, base = (points.draws(one)[0] for one in tables)
    assert tables[0]["high"][0] > tables[1]["low"][0]
    assert points.verdict(better < base) == points.HOLDS and points.verdict(better > base) == points.FAILS
    assert points.verdict(better < 0.95 * np.median(base)) == points.OPEN


def test_structures_that_decide_are_named(caplog):
    squares = np.ones((2, 200))
    squares[:, 17] = 100.0
    squares[:, 3] = 10.0
    keys = {"curve": "mftl", "value": 25, "quantity": "energy"}
    table = pd.DataFrame([keys | row for row in points.point(squares, np.sqrt(squares), np.ones(200), IDS, "one")])
    row = table.iloc[0]
    assert row["worst_share"] == pytest.approx(100 / 308) and row["worst_five_share"] == pytest.approx(113 / 308)
    assert row["worst"].split()[:2] == ["structure-17", "structure-3"]
    points.warn(table)
    (message,) = caplog.messages
    assert "structure-17 carries 32 % of the squared error in energy" in message and "mftl at 25" in message
    squares[:, 17] = 1.0
    points.warn(pd.DataFrame([keys | row for row in points.point(squares, squares, np.ones(200), IDS, "one")]))
    assert len(caplog.messages) == 1


def test_a_table_comes_back_as_it_was(tmp_path):
    absolutes = np.linspace(1.0, 2.0, 200)[None]
    table = pd.DataFrame(points.point(absolutes**2, absolutes, np.ones(200), IDS, "one"))
    table.to_csv(tmp_path / "points.csv", index=False)
    assert (points.draws(points.read(tmp_path / "points.csv")) == points.draws(table)).all()
