"""Labels saved at equal error: curves whose answer is known, bounds, verdicts, the figure, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.markers import CARETUPBASE

from mftl import checks, points
from mftl.config.plot import Plot
from mftl.config.studies import complete, overlaid
from mftl.config.whole import parse
from mftl.equal_error import AT_LEAST, AT_MOST, COSTS, SAVES, UNBOUNDED, falling, judged, ratios
from mftl.plotting import labels_saved as drawing
from mftl.tables import labels_saved as tables

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()
SIZES = np.array([25.0, 50.0, 100.0, 200.0, 400.0])


def drawn(estimates, spread=0.0, seed=0, common=0.0) -> np.ndarray:
    """Estimates with draws (n, 1 + draws) about them; ``common``: how far all points of a draw are moved together."""
    estimates = np.asarray(estimates, float)
    own = np.random.default_rng(seed).normal(scale=spread or 1e-9, size=(len(estimates), points.DRAWS))
    own += np.random.default_rng(99).normal(scale=common or 1e-9, size=points.DRAWS)
    return estimates[:, None] * np.exp(np.concatenate([np.zeros((len(estimates), 1)), own], axis=1))


def law(sizes, factor=1.0) -> np.ndarray:
    """A learning curve; with a factor, that of labels that are worth so many times as much."""
    return 100 * (factor * np.asarray(sizes, float)) ** -0.5


def saved(sizes, errors, others=None, at=SIZES):
    logs, beyond = ratios(np.asarray(sizes, float), errors, at, drawn(law(at)) if others is None else others)
    return [judged(logs[[i]], beyond[[i]]) for i in range(len(logs))], judged(logs, beyond)


# --- curves that never rise


def brute(logs: np.ndarray) -> np.ndarray:
    """Pools neighbours that rise, one after another."""
    blocks: list[list[float]] = []
    for one in logs:
        blocks.append([one])
        while len(blocks) > 1 and np.mean(blocks[-1]) > np.mean(blocks[-2]):
            last = blocks.pop()
            blocks[-1] += last
    return np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])


def test_what_rises_is_levelled():
    assert falling(np.array([[5.0], [1.0], [3.0], [0.5]]))[:, 0] == pytest.approx([5.0, 2.0, 2.0, 0.5])
    many = np.random.default_rng(1).normal(size=(6, 200))
    found = falling(many)
    assert (np.diff(found, axis=0) <= 1e-12).all()
    assert found == pytest.approx(np.array([brute(column) for column in many.T]).T)
    down = -np.sort(-many, axis=0)
    assert falling(down) == pytest.approx(down)


# --- how many labels


def test_labels_worth_more_save_as_many_as_they_are_worth():
    """A power law is a straight line in logarithms, so the answer is exact between the sizes too."""
    for factor in (1.3, 1.0, 0.8):
        each, whole = saved([50, 100, 200], drawn(law([50, 100, 200], factor)))
        expected = 100 * (1 - 1 / factor)
        assert [one["saved_percent"] for one in each] == pytest.approx([expected] * 3, abs=1e-6)
        assert whole["saved_percent"] == pytest.approx(expected, abs=1e-6)
        assert {one["bound"] for one in each} == {""} and not whole["low_open"] and not whole["high_open"]


def test_interpolation_is_between_the_two_neighbours():
    """Errors 8 and 2 at 100 and 400: an error of 4 is that of 200, where a quarter of 50 is 75 % less."""
    (one,), _ = saved([50], drawn([4.0]), drawn([16.0, 8.0, 2.0]), np.array([25.0, 100.0, 400.0]))
    assert one["saved_percent"] == pytest.approx(75.0)


def test_nothing_is_continued_beyond_the_other_curve():
    each, whole = saved([50, 200], drawn([law([800])[0], law([12])[0]]))
    assert each[0]["saved_percent"] == pytest.approx(87.5) and each[0]["bound"] == AT_LEAST  # of 400, not of 800
    assert each[0]["high_open"] and not each[0]["low_open"] and each[0]["verdict"] == SAVES
    assert each[1]["saved_percent"] == pytest.approx(-700.0) and each[1]["bound"] == AT_MOST  # of 25, not of 12
    assert each[1]["low_open"] and not each[1]["high_open"] and each[1]["verdict"] == COSTS
    # one bound on either side: nobody knows what both come to
    assert whole["bound"] == UNBOUNDED and whole["verdict"] == points.OPEN


def test_beyond_the_largest_size_itself_a_gain_is_a_gain():
    (one,), _ = saved([400], drawn([0.9 * law([400])[0]]))
    assert (one["saved_percent"], one["bound"], one["verdict"]) == (0.0, AT_LEAST, SAVES)
    (one,), _ = saved([25], drawn([1.1 * law([25])[0]]))
    assert (one["saved_percent"], one["bound"], one["verdict"]) == (0.0, AT_MOST, COSTS)


def test_an_interval_covers_and_widens_with_the_draws():
    """With a slope of -1/2, errors that spread by s are labels that spread by 2 s, of both curves √2 times as much."""
    errors, others = drawn(law([100], 1.5), 0.04, 1), drawn(law(SIZES), 0.04, 2)
    (one,), _ = saved([100], errors, others)
    low, high = -np.log(1 - np.array([one["saved_percent_low"], one["saved_percent_high"]]) / 100)
    # between two points of the other curve, weighed 0.415 and 0.585, its spread is smaller
    spread = 2 * 0.04 * np.sqrt(1 + 0.415**2 + 0.585**2)
    assert (high - low) / 2 == pytest.approx(1.96 * spread, rel=0.15)
    assert low < np.log(1.5) < high and one["verdict"] == SAVES


def test_what_all_draws_have_in_common_cancels():
    """Test structures move both curves together: a gain is certain though the errors' own intervals overlap."""
    errors, others = (drawn(law(sizes, f), common=0.3) for sizes, f in (([100], 1.3), (SIZES, 1.0)))
    low, high = np.quantile(errors[0, 1:], [0.025, 0.975])
    assert low < law([100])[0] < high
    (one,), _ = saved([100], errors, others)
    assert one["verdict"] == SAVES and one["saved_percent_high"] - one["saved_percent_low"] < 1


def test_sizes_together_tell_what_each_alone_cannot():
    sizes, factor = [50, 100, 200], 1.25
    each, whole = saved(sizes, drawn(law(sizes, factor), 0.07, 5), drawn(law(SIZES), 0.02, 6))
    assert points.OPEN in {one["verdict"] for one in each} and whole["verdict"] == SAVES


def test_no_gain_is_called_one_as_often_as_it_should_be():
    """Curves of the same law with noise in estimate and draws alike: 10 of 200 either way are expected."""
    verdicts = []
    for k in range(200):
        noise = np.random.default_rng(k).normal(scale=0.08, size=(8, 1))
        own = drawn(law([50, 100, 200]), 0.08, 1000 + k) * np.exp(noise[:3])
        others = drawn(law(SIZES), 0.08, 5000 + k) * np.exp(noise[3:])
        verdicts.append(saved([50, 100, 200], own, others)[1]["verdict"])
    assert 4 <= verdicts.count(SAVES) <= 22 and 4 <= verdicts.count(COSTS) <= 22


def test_draws_without_bounds_are_draws_beyond_the_sizes():
    errors, others = drawn(law([100], 1.5)), drawn(law(SIZES))
    errors[:, 1:100] = np.inf
    others[2, 100:200] = np.inf
    others[3, 200:300] = 0.0
    (one,), _ = saved([100], errors, others)
    assert one["saved_percent"] == pytest.approx(100 / 3) and one["low_open"] and one["verdict"] == points.OPEN
    assert np.isfinite([one["saved_percent_low"], one["saved_percent_high"]]).all()


# --- the table and the figure

LABELS = {"random": "at random", "good": "good rule", "bad": "bad rule", "same": "no better"}
COLORS = {"random": "#228833", "good": "#aa3377", "bad": "#0c7bdc", "same": "#555555"}
LOOKS = {name: {"color": color, "marker": "o", "linestyle": "-"} for name, color in COLORS.items()}
PAIRS = [{"curve": curve, "against": "random"} for curve in ("good", "bad", "same")]
FACTORS = {"random": 1.0, "good": 1.5, "bad": 0.6, "same": 1.05}


def made(folder: Path, quantities=("energy", "forces"), spread=0.03) -> str:
    """Points of curves that are known: the good rule's at 200 goes beyond the random curve's sizes."""
    rows = []
    for q, quantity in enumerate(quantities):
        for c, (curve, factor) in enumerate(FACTORS.items()):
            sizes = SIZES if curve == "random" else SIZES[1:4]
            worth = np.full(len(sizes), factor) * np.where((curve == "good") & (sizes == 200), 1.7, 1)
            errors = drawn(law(sizes, worth), spread, 10 * q + c, 0.1)
            for size, values in zip(sizes, errors, strict=True):
                keys = {"figure": "f", "curve": curve, "value": int(size), "quantity": quantity}
                keys["unit"] = "meV/atom" if quantity == "energy" else "meV/Å"
                rest = {"seeds": 5, "structures": 400, "deviation": 0.1, "standard_error": 0.05}
                rest |= {"worst_share": 0.05, "worst_five_share": 0.1, "worst": "a b"}
                rows += [keys | points.row(read, values) | rest for read in ("rmse", "mae")]
    pd.DataFrame(rows).to_csv(folder / "points.csv", index=False)
    return str(folder / "points.csv")


def params(**changes):
    known = {"labels": LABELS, "looks": LOOKS, "test": "molecules at pbe0-d3", "title": "", "fixed": []}
    known |= {"spread": "other weights and training structures", "xlabel": "Training structures at pbe0-d3"}
    known |= {"curves": ["good", "bad", "same"], "quantities": ["energy", "forces", "stress"]}
    return known | {"goals": {"label": "published", "energy": 38.0, "forces": 28.0}} | changes


def test_the_table_has_a_row_for_each_size_and_one_for_all(tmp_path):
    found = tables.table({"points": made(tmp_path)}, {"pairs": PAIRS})
    assert len(found) == 2 * 2 * 3 * (3 + 1) and set(found["seeds"]) == set(found["against_seeds"]) == {5}
    own = found[(found["quantity"] == "forces") & (found["read"] == "rmse")].set_index(["curve", "size"])
    assert own["against_size"]["good", 50] == pytest.approx(75) and own["error"]["good", 50] == pytest.approx(
        law([75])[0]
    )
    assert own["saved_percent"]["good", 100] == pytest.approx(100 / 3)
    assert (own["bound"]["good", 200], own["bound"]["good", "all"]) == (AT_LEAST, AT_LEAST)
    verdicts = [own["verdict"][curve, "all"] for curve in ("good", "bad", "same")]
    assert verdicts == [SAVES, COSTS, points.OPEN]


def test_the_figure(tmp_path):
    path = made(tmp_path)
    tables.table({"points": path}, {"pairs": PAIRS}).to_csv(tmp_path / "saved.csv", index=False)
    inputs = {"points": path, "labels_saved": tmp_path / "saved.csv"}
    table, figure = drawing.draw(inputs, params(fixed=["at random"]), STYLE)
    assert len(table) == 2 * (5 + 3 * 3)
    good = table[(table["curve"] == "good") & (table["quantity"] == "energy")].set_index("value")
    assert good["saved_percent"][100] == pytest.approx(100 / 3) and (good["all_verdict"] == SAVES).all()
    assert table.loc[table["curve"] == "random", "saved_percent"].isna().all()
    top, below = figure.axes[0], figure.axes[2]
    assert top.get_xscale() == below.get_xscale() == below.get_yscale() == "log"
    assert below.get_title(loc="left") == "(c) at equal energy RMSE"
    said = [text.get_text() for text in below.get_legend().get_texts()]
    assert said[0].startswith("good rule: saves labels\n> ") and said[1].startswith("bad rule: costs labels\n−")
    assert said[2].startswith("no better: cannot be told apart\n") and said[3] == "published (38 %)"
    assert "all seeds of at random have the same structures" in " ".join(figure._supxlabel.get_text().split())
    figure.canvas.draw()
    ticks = [one.get_text() for one in below.get_yticklabels()]
    assert {"0", "40", "−50"} <= set(ticks)


def test_labels_without_forces_have_one_column(tmp_path):
    path = made(tmp_path, ["energy"])
    tables.table({"points": path}, {"pairs": PAIRS}).to_csv(tmp_path / "saved.csv", index=False)
    _, figure = drawing.draw({"points": path, "labels_saved": tmp_path / "saved.csv"}, params(), STYLE)
    assert len(figure.axes) == 2


def test_bars_that_go_too_far_end_in_arrows(tmp_path):
    path = made(tmp_path, ["energy"], spread=1.5)
    tables.table({"points": path}, {"pairs": PAIRS}).to_csv(tmp_path / "saved.csv", index=False)
    _, figure = drawing.draw({"points": path, "labels_saved": tmp_path / "saved.csv"}, params(), STYLE)
    below = figure.axes[1]
    assert (
        below.get_ylim()[1] < 10
        and sum(len(one.get_xdata()) for one in below.lines if one.get_marker() == CARETUPBASE) >= 3
    )


# --- sections


def study(**changes):
    values = yaml.safe_load((ROOT / "studies/selection.yaml").read_text(encoding="utf-8"))
    return checks.load(complete(overlaid(values, changes), ROOT), ROOT)


@pytest.mark.parametrize("name", ["selection/fig1", "selection/fig1_tungsten"])
def test_the_study_can_be_made(name):
    config = study()
    assert checks.of_figure(config, name, ROOT) == []
    figure = config.figures[name]
    *_, saved = figure.tables(config, name)
    assert saved.folder in figure.FOLDERS and saved.inputs == {"points": f"results/points/{name}.csv"}
    assert [pair["curve"] for pair in saved.settings["pairs"]] == figure.curves
    params = figure.params(config)
    assert params["fixed"] == [] and params["spread"] == "other weights and training structures"
    for curve in figure.curves:  # the first label that is chosen comes after the pilot, the last is ordered
        own = config.selections[config.mode(config.curves[curve].recipe.split(".")[-1]).order]
        assert own.pilot < min(config.curves[curve].values)
        assert own.pilot + own.structures == max(config.curves[curve].values)
        assert own.model == config.curves[curve].recipe.split("/")[0]


def test_real_data_have_the_same_figures():
    values = [
        yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("check-real", "check-real-selection")
    ]
    assert not {"systems", "studies"} & values[1].keys()  # it goes on top
    figures = study().figures
    assert {*values[1]["figures"]} == {name for name in figures if name.startswith("selection/")}
    config = parse(overlaid(*values) | {"data": "/folder"})
    assert not [line for name in values[1]["figures"] for line in config.figures[name].mistakes(config, name)]
    known = {**values[0]["modes"], **values[1]["modes"]}
    for name in ("redrawn-metal", "clusters-metal", "variance-metal"):
        assert known[name]["training"] == values[0]["modes"]["metal"]["training"]
    for curve in values[1]["curves"].values():
        assert any(one["recipe"].split("/")[0] == curve["recipe"].split("/")[0] for one in values[0]["curves"].values())


def test_the_study_trains_on_tungsten_as_the_first_one_does():
    modes = study().modes
    assert modes["clusters-metal"].training == modes["redrawn-metal"].training == modes["metal"].training


FIGURE = {"kind": "labels-saved", "curves": ["mftl"], "against": ["single-fidelity"]}


def figure_of(**changes):
    short = {"label": "s", "recipe": "molecules.pbe0-d3.n*", "values": [50, 100]}
    other = {"label": "o", "recipe": "molecules.dftb-ptbp.n*/molecules.pbe0-d3.n50", "values": [50, 400]}
    values = {
        "figures": {"saved": FIGURE | changes},
        "curves": {"short": short, "pretraining": other, "one": short | {"values": [50]}},
    }
    return checks.load(complete(values, ROOT), ROOT)


def test_any_two_curves_of_the_same_labels_can_be_compared():
    config = figure_of(against=["delta"])
    assert checks.of_figure(config, "saved", ROOT) == []
    params = config.figures["saved"].params(config)
    assert params["fixed"] == ["Δ-learning on DFTB(PTBP)", "MFTL from DFTB(PTBP)"]
    assert params["spread"] == "other weights"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"against": ["none"]}, "saved.against.0: got 'none'; valid: the curves: "),
        ({"against": ["mftl", "delta"]}, "against: got ['mftl', 'delta']; valid: one curve, or one for each of the 1"),
        ({"curves": ["mftl", "mftl"]}, "saved.curves: got ['mftl', 'mftl']; valid: each curve once"),
        ({"against": ["short"]}, "against.0: got 'short'; valid: a curve whose values go from at most 25, as those"),
        ({"against": ["one"]}, "saved.against.0: got 'one'; valid: a curve with several values"),
        ({"against": ["tungsten-single"]}, "got 'tungsten-single'; valid: a curve over numbers of labels of mol"),
        ({"against": ["pretraining"]}, "valid: a curve over numbers of labels of molecules.pbe0-d3, tested as mftl is"),
        ({"against": ["ccsdt-single"]}, "got 'ccsdt-single'; valid: a curve over numbers of labels of mol"),
        ({"curves": ["epochs-small"]}, "saved.curves.0: got 'epochs-small'; valid: a curve whose size is open (*)"),
    ],
)  # fmt: skip
def test_mistakes(changes, line):
    assert line in "\n".join(checks.of_figure(figure_of(**changes), "saved", ROOT))
