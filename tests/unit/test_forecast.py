"""Learning curves continued: intervals hold known truths, the record widens them and says how far one may go."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mftl import points
from mftl.extrapolation import Curve, extrapolate
from mftl.forecast import (
    COLUMNS,
    Forecast,
    Needed,
    before,
    hold_out,
    judged,
    of_points,
    read_curves,
    read_record,
    steps,
    widening,
)
from mftl.inputs import InputError

SIZES = [25.0, 50.0, 100.0, 200.0, 400.0]


def record(off: dict[float, list[float]]) -> pd.DataFrame:
    """A record in which ``off`` says, for each ratio, where each of its curves was."""
    rows = [
        (f"curve-{i}", "forces", "rmse", 3, 100.0, 100.0 * ratio, ratio, 10.0, 10.0, 9.0, 11.0, one)
        for ratio, each in off.items()
        for i, one in enumerate(each)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


GOOD = record({2.0: [0.1] * 10, 4.0: [0.1] * 10})


def made(random: np.random.Generator, noise: float) -> tuple[Curve, np.ndarray]:
    """A curve with noise, and its errors without."""
    exponent, share, factor = random.uniform(0.1, 0.9), random.uniform(0, 0.8), 10 ** random.uniform(1, 3)
    floor = share * factor * 100**-exponent
    truth = factor * np.array(SIZES) ** -exponent + floor
    return Curve(SIZES, list(truth * np.exp(noise * random.standard_t(8, size=len(SIZES)))), noise, 8.0), truth


def test_intervals_hold_as_many_known_truths_as_they_say():
    random, inside, measured = np.random.default_rng(5), [], []
    for i in range(120):
        curve, truth = made(random, 0.06)
        found = extrapolate(curve.until(3), seed=i)
        for size, own, seen in zip(SIZES[3:], truth[3:], curve.errors[3:], strict=True):
            low, high = np.quantile(found.draws.at([size]), [0.1, 0.9])
            inside.append(low <= own <= high)
            low, high = np.quantile(found.at([size]), [0.1, 0.9])
            measured.append(low <= seen <= high)
    assert 0.72 < np.mean(inside) < 0.9
    assert 0.72 < np.mean(measured) < 0.9


def test_a_curve_without_noise_is_followed():
    """Four points of a power law: the error at 800 is known to some per cent, and no floor is seen."""
    curve = Curve(SIZES[:4], [100 * one**-0.5 for one in SIZES[:4]], 0.03, 8)
    low, median, high = np.quantile(extrapolate(curve).draws.at([800.0]), [0.1, 0.5, 0.9])
    assert low < 100 * 800**-0.5 < high and high / low < 1.5 and median == pytest.approx(100 * 800**-0.5, rel=0.15)


def test_a_curve_that_levels_off_does():
    curve = Curve(SIZES[:4], [10 + 1000 * one**-1 for one in SIZES[:4]], 0.03, 8)
    found = extrapolate(curve)
    low, high = np.quantile(found.draws.at([400.0]), [0.1, 0.9])
    assert low < 12.5 < high
    assert found.weights["power"] < 0.1


def test_the_curve_from_scratch_tells_what_cheap_labels_are_worth():
    """Cheap labels worth 50 expensive ones: with the scratch curve beside it the forecast is nearer to the truth."""
    curve = Curve(SIZES[:4], [200 * (one + 50) ** -0.6 for one in SIZES[:4]], 0.03, 8)
    scratch = Curve(SIZES[:4], [200 * one**-0.6 for one in SIZES[:4]], 0.03, 8)
    alone, both = extrapolate(curve), extrapolate(curve, scratch)
    assert both.weights["shared"] > 0.5 and sum(both.weights.values()) == pytest.approx(1)
    off = [np.log(np.median(one.draws.at([800.0])) / (200 * 850**-0.6)) for one in (alone, both)]
    assert abs(off[1]) < 0.8 * abs(off[0])
    shared = both.draws.start > 0
    assert 20 < np.median(both.draws.start[shared]) < 150


def test_the_same_numbers_give_the_same_forecast():
    curve = Curve(SIZES[:3], [30, 22, 17], 0.05, 6)
    assert Forecast(curve, GOOD).interval(400) == Forecast(curve, GOOD).interval(400)
    assert Forecast(curve, GOOD).interval(400) != Forecast(curve, GOOD, seed=1).interval(400)


def test_labels_needed():
    curve = Curve(SIZES[:4], [100 * one**-0.5 for one in SIZES[:4]], 0.03, 8)
    found = Forecast(curve, GOOD)
    needed = found.needed(100 * 400**-0.5)
    assert needed.half is not None and 330 < needed.half < 480 and (needed.sure is None or needed.sure > needed.half)
    chances = [(found.draws(size) <= 5).mean() for size in (200, 300, 400, 800)]
    assert all(a <= b + 0.02 for a, b in pairwise(chances))
    assert found.needed(8.0).told() == f"{found.needed(8.0).half} labels for 50 %, {found.needed(8.0).sure} for 90 %"
    level = Forecast(Curve(SIZES[:4], [10 + 1000 * one**-1 for one in SIZES[:4]], 0.03, 8), GOOD).needed(5.0)
    assert (level.half, level.sure, level.most) == (None, None, 800)
    assert level.told().startswith("cannot be reached with 800 labels (chance 0%); in ") and level.floored > 0.5
    assert "90 % not with 800 (60% there)" in Needed(1.0, 500, None, 800, 0.6, 0.0).told()


def test_the_better_of_two_curves():
    steep = Forecast(Curve(SIZES[:4], [100 * one**-0.6 for one in SIZES[:4]], 0.03, 8), GOOD)
    flat = Forecast(Curve(SIZES[:4], [100 * one**-0.2 for one in SIZES[:4]], 0.03, 8), GOOD)
    assert before(steep, flat, 800) > 0.99 and before(flat, steep, 800) < 0.01
    assert 0.4 < before(steep, steep, 800) < 0.6


def test_what_the_record_got_wrong_widens():
    off = [-3.0, -1.5, 0.2, 0.3, 0.4, 0.5, 0.6, 1.2, 2.0]
    wide = record({2.0: off, 4.0: [0.1] * 9})
    assert widening(wide, 2.0) == 2.0  # of nine the eighth: 0.8 (9 + 1)
    assert widening(wide, 1.5) == 2.0 and widening(wide, 4.0) == 1.0 and widening(wide, 1.0) == 1.0
    curve = Curve(SIZES[:3], [30, 22, 17], 0.05, 6)
    narrow, broad = (Forecast(curve, one).interval(200) for one in (GOOD, wide))
    assert narrow[0] == pytest.approx(broad[0])
    assert np.log(broad[2] / broad[0]) == pytest.approx(2 * np.log(narrow[2] / narrow[0]), rel=1e-6)


def test_no_curve_is_continued_further_than_the_record_goes():
    curve = Curve(SIZES[:3], [30, 22, 17], 0.05, 6)
    assert steps(GOOD) == [2.0, 4.0] and Forecast(curve, GOOD).most == 400
    with pytest.raises(InputError, match="continued to 5 times its largest size; valid: up to 4 times"):
        Forecast(curve, GOOD).interval(500)
    few = record({2.0: [0.1] * 3})
    with pytest.raises(InputError, match="valid: no further than the largest size, since of more the record holds few"):
        Forecast(curve, few).interval(200)


def test_too_little_to_go_on():
    with pytest.raises(InputError, match="of 2 sizes cannot be continued; valid: at least 3"):
        extrapolate(Curve([25, 50], [3, 2]))
    with pytest.raises(InputError, match="not all positive"):
        Curve([25, 50, 100], [3, 0, 1])


def test_held_out_sizes_are_judged_by_other_curves():
    random = np.random.default_rng(2)
    curves = {(f"curve-{i}", "forces", "rmse"): made(random, 0.05)[0] for i in range(12)}
    table = hold_out(curves, {})
    assert len(table) == 12 * 3 and set(table["ratio"]) == {2.0, 4.0}
    one = table.iloc[0]
    at_bound = np.log(one["measured"] / one["median"]) / np.log(one["high"] / one["median"])
    if one["off"] > 0:
        assert one["off"] == pytest.approx(at_bound)
    found = judged(table)
    assert list(found["ratio"]) == [2.0, 4.0] and list(found["cases"]) == [24, 12]
    assert found["covered"].between(0.65, 1).all() and (found["widening"] >= 1).all()
    assert table.equals(hold_out(curves, {}))


def test_the_record_that_ships_allows_four_times_the_labels():
    found = judged(read_record("resources/forecasts.csv"))
    assert list(found["ratio"][:2]) == [2.0, 4.0]
    assert found["covered"].between(0.7, 0.9).all()


def test_noise_is_what_sizes_do_not_have_in_common(tmp_path):
    """Draws of 4 sizes: test structures move all alike, three seeds each on its own, by Student's t."""
    random, rows = np.random.default_rng(1), []
    common = 0.5 * random.standard_normal(points.DRAWS)
    for size in SIZES[:4]:
        own = 0.08 * random.standard_t(2, points.DRAWS)
        values = 100 * size**-0.5 * np.exp(np.concatenate([[0], common + own]))
        for read in ("rmse", "mae"):
            known = {"figure": "a", "curve": "mftl", "value": size, "quantity": "forces", "unit": "meV/Å", "seeds": 3}
            rows.append(known | points.row(read, values))
    curve = of_points(pd.DataFrame(rows).query("read == 'rmse'"))
    assert curve.freedom == 8 and 0.05 < curve.noise < 0.12
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    found = read_curves([tmp_path / "a.csv", tmp_path / "a.csv"], ["mftl", "other"])
    assert found.keys() == {("mftl", "forces", "rmse"), ("mftl", "forces", "mae")}
    assert found["mftl", "forces", "rmse"].sizes == SIZES[:4]
    assert read_curves([tmp_path / "a.csv"], ["other"]) == {}
