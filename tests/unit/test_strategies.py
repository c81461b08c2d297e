"""Figures about ways to train: lines through errors, what is forgotten, ranks and costs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mftl import checks, points, trends
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.errors import point_table
from mftl.figures.ranks import trainings
from mftl.plotting import error_against_error, forgetting, ranks
from mftl.provenance import ENDING, NEEDED, checksum
from mftl.recipe import parse
from mftl.tables import forgetting as forgotten
from mftl.tables import ranks as ranked
from mftl.tables import trends as lines
from mftl.tables import way_costs

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()
LOOK = {"color": "#222222", "marker": "o", "linestyle": "-"}


def predictions(path: Path, recipe: str, errors: dict[int, float], seeds: int = 3, structures: int = 30, salt: int = 0):
    """A file of predictions off by an error (eV/atom, eV/Å) at each value, by a little more or less in each seed."""
    rng = np.random.default_rng(salt)
    shape = rng.normal(size=structures)  # the same for all values: draws of structures move them together
    rows = [(value, seed) for value in errors for seed in range(1, seeds + 1)]
    off = np.array([shape * errors[value] * (1 + 0.02 * rng.normal()) for value, _ in rows])
    forces = np.repeat(off, 2, axis=1)[..., None] * np.ones(3)
    np.savez_compressed(
        path, recipe=[recipe.replace("*", str(value)) for value, _ in rows], value=[value for value, _ in rows],
        epochs=[0] * len(rows), seed=[seed for _, seed in rows], ids=[f"s{i}" for i in range(structures)],
        sizes=[2] * structures, numbers=[1] * 2 * structures, energies=2 * off, reference_energies=np.zeros(structures),
        forces=forces, reference_forces=np.zeros((2 * structures, 3)), relative=False,
    )  # fmt: skip
    return path


def table_of(folder: Path, curves: dict[str, dict[int, float]]) -> str:
    files = {name: predictions(folder / f"{name}.npz", "a.b.n*", own, salt=3) for name, own in curves.items()}
    point_table("f", files).to_csv(folder / "points.csv", index=False)
    return str(folder / "points.csv")


def drawn(estimates, spread=0.05, seed=0):
    own = np.random.default_rng(seed).normal(scale=spread, size=(len(estimates), points.DRAWS))
    return np.array(estimates)[:, None] * np.exp(np.concatenate([np.zeros((len(estimates), 1)), own], axis=1))


# --- lines


def test_a_power_law_has_its_slope_and_a_line_fits():
    x = np.array([10.0, 20.0, 50.0, 100.0])
    fit = trends.line(drawn(x), drawn(2 * x**0.4, seed=1))
    assert fit.slope[0] == pytest.approx(0.4) and np.exp(fit.intercept[0]) == pytest.approx(2.0)
    low, high = np.quantile(fit.slope[1:], [0.025, 0.975])
    assert low < 0.4 < high and high - low < 0.2
    assert fit.scatter == pytest.approx(1.0) and fit.verdict == trends.FITS


def test_no_line_fits_what_bends_by_more_than_draws_do():
    x, bent = np.array([10.0, 20.0, 50.0, 100.0, 200.0]), np.array([9.0, 5.0, 3.0, 5.0, 9.0])
    assert trends.line(drawn(x, 0.01), drawn(bent, 0.01, 1)).verdict == trends.NONE
    assert trends.line(drawn(x, 0.01), drawn(bent, 1.5, 1)).verdict == trends.FITS
    assert trends.line(drawn(x[:2]), drawn(bent[:2])).verdict == trends.FEW
    with pytest.raises(ValueError, match="different places"):
        trends.line(np.ones((3, 5)), np.ones((3, 5)))


def test_noise_alone_is_called_no_line_as_often_as_it_should_be():
    rng, x = np.random.default_rng(5), np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    verdicts = []
    for k in range(100):
        off = np.exp(rng.normal(scale=0.1, size=5))
        verdicts.append(trends.line(drawn(x, 1e-6, k), drawn(x**0.5 * off, 0.1, k + 1000)).verdict)
    assert verdicts.count(trends.NONE) <= 12  # 5 expected


AFTER = {"tuned": {100: 0.1, 200: 0.08, 400: 0.06}}
BEFORE = {"parent": {100: 0.4, 200: 0.25, 400: 0.14}}
PAIRS = [{"curve": "tuned", "value": v, "before": "parent", "before_value": v} for v in (100, 200, 400)]


def test_table_and_figure_of_lines(tmp_path):
    path = table_of(tmp_path, AFTER | BEFORE)
    found = lines.table({"points": path}, {"pairs": PAIRS})
    assert len(found) == 2 * 2 * 2 and set(found["group"]) == {"(all)", "tuned"}
    expected = np.polyfit(np.log([*BEFORE["parent"].values()]), np.log([*AFTER["tuned"].values()]), 1)[0]
    assert found["slope"].to_numpy() == pytest.approx(expected, rel=0.1)
    assert (found["low"] < found["slope"]).all() and (found["slope"] < found["high"]).all()
    one = lines.table({"points": path}, {"pairs": PAIRS[:1]})
    assert one["slope"].isna().all() and (one["verdict"] == trends.FEW).all()

    found.to_csv(tmp_path / "trends.csv", index=False)
    params = {"labels": {"tuned": "Tuned", "parent": "Parent"}, "looks": {"tuned": LOOK, "parent": LOOK}, "title": ""}
    params |= {"pairs": PAIRS, "test": "a at b", "before": "c at d", "spread": "other weights"}
    table, figure = error_against_error.draw({"points": path, "trends": tmp_path / "trends.csv"}, params, STYLE)
    assert len(table) == 6 and table["before_estimate"].min() < 200
    assert [axis.get_xscale() for axis in figure.axes] == ["log", "log"]
    assert "slope" in figure.axes[0].texts[0].get_text()
    assert figure.axes[1].get_xlabel() == "Force RMSE (meV/Å) before fine-tuning"


def test_labels_without_forces_have_no_line_of_forces(tmp_path):
    path = table_of(tmp_path, AFTER | BEFORE)
    known = pd.read_csv(path)
    known[(known["curve"] == "tuned") | (known["quantity"] == "energy")].to_csv(path, index=False)
    assert set(lines.table({"points": path}, {"pairs": PAIRS})["quantity"]) == {"energy"}


# --- what is forgotten


def test_forgetting_is_a_ratio_to_the_parent(tmp_path):
    curves = {"new": {25: 0.2, 50: 0.1}, "old": {25: 0.3, 50: 0.6}, "parent": {400: 0.1}}
    pairs = [{"curve": "new", "value": v, "kept": "old", "before": "parent", "before_value": 400} for v in (25, 50)]
    found = forgotten.table({"points": table_of(tmp_path, curves)}, {"pairs": pairs})
    forces = found[(found["quantity"] == "forces") & (found["read"] == "rmse")].set_index("value")
    assert forces["ratio_estimate"].tolist() == pytest.approx([3.0, 6.0], rel=0.1)
    assert ((forces["ratio_low"] < forces["ratio_estimate"]) & (forces["ratio_estimate"] < forces["ratio_high"])).all()
    # the structures are drawn alike in numerator and denominator: nearly all that is left are the seeds
    assert (forces["ratio_high"] / forces["ratio_low"]).max() < 1.5
    found.to_csv(tmp_path / "forgetting.csv", index=False)
    params = {"labels": {"new": "New"}, "looks": {"new": LOOK}, "test": "a at b", "parents": "c at d", "title": "t"}
    inputs = {"forgetting": tmp_path / "forgetting.csv"}
    table, figure = forgetting.draw(inputs, params | {"spread": "other weights"}, STYLE)
    assert len(table) == 4 and {text.get_text() for text in figure.axes[0].texts} == {"25", "50"}


# --- ranks


def ranks_of(tmp_path, curves):
    found = ranked.table({"points": table_of(tmp_path, curves)}, {"curves": [*curves], "values": [25]})
    return found, found[(found["quantity"] == "forces") & (found["read"] == "rmse")].set_index("curve")


def test_ranks_and_what_cannot_be_told_apart(tmp_path):
    _, own = ranks_of(tmp_path, {"a": {25: 0.3}, "b": {25: 0.1}, "c": {25: 0.1001}, "d": {25: 0.9}})
    assert own["rank"].to_dict() | {"b": 0, "c": 0} == {"a": 3, "b": 0, "c": 0, "d": 4}
    assert {own["apart"]["b"], own["apart"]["c"]} == {ranked.BEST, points.OPEN}
    assert own["apart"]["a"] == own["apart"]["d"] == ranked.WORSE
    assert (own["alike"]["b"], own["alike"]["a"]) == ("c", "")
    assert (own["rank_low"]["b"], own["rank_high"]["b"]) == (1, 2) and own["rank_low"]["d"] == 4


def test_two_names_of_one_model_cannot_be_told_apart(tmp_path):
    path = table_of(tmp_path, {"a": {25: 0.1}})
    known = pd.read_csv(path)
    pd.concat([known, known.assign(curve="b")]).to_csv(path, index=False)
    found = ranked.table({"points": path}, {"curves": ["a", "b"], "values": [25]})
    assert set(found.loc[found["curve"] == "b", "apart"]) == {points.OPEN}


def record(path: Path, cpu: float) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("model")
    own = dict.fromkeys(NEEDED, "") | {"outputs": {str(path): checksum(path)}, "used": {"cpu_seconds": cpu}}
    path.with_name(path.name + ENDING).write_text(json.dumps(own))
    return str(path)


def test_costs_come_from_records_and_low_levels(tmp_path, caplog):
    parent = record(tmp_path / "parent" / "model.pt", 100.0)
    models = [record(tmp_path / f"{seed}" / "model.pt", 10.0 * seed) for seed in (1, 2)]
    pd.DataFrame({"recipe": ["a.b.n25"] * 2, "seed": [1, 2], "model_seconds": [0.001, 0.003],
                  "low_level_seconds": [0.5, 0.5]}).to_csv(tmp_path / "costs.csv", index=False)  # fmt: skip
    runs = [{"curve": "a", "value": 25, "recipe": "a.b.n25", "seed": seed, "trainings": [model, parent]}
            for seed, model in enumerate(models, 1)]  # fmt: skip
    inputs = {"models": [*models, parent], "costs": [tmp_path / "costs.csv"]}
    (row,) = way_costs.table(inputs, {"runs": runs, "curves": ["a"], "values": [25]}).to_dict("records")
    assert (row["last_cpu_seconds"], row["all_cpu_seconds"]) == (15.0, 115.0)
    assert (row["model_seconds"], row["low_level_seconds"]) == (pytest.approx(0.002), 0.5)
    Path(parent + ENDING).unlink()
    (row,) = way_costs.table(inputs, {"runs": runs, "curves": ["a"], "values": [25]}).to_dict("records")
    assert row["last_cpu_seconds"] == 15.0 and np.isnan(row["all_cpu_seconds"]) and "no record says" in caplog.text


def test_table_of_ranks_is_drawn_within_its_frame(tmp_path):
    found, _ = ranks_of(tmp_path, {"a": {25: 0.3}, "b": {25: 0.1}})
    found.to_csv(tmp_path / "ranks.csv", index=False)
    costs = {"curve": ["a", "b"], "value": 25, "last_cpu_seconds": [3.0, 4.0], "all_cpu_seconds": [3.0, np.nan],
             "model_seconds": 0.001, "low_level_seconds": [0.0, 0.25]}  # fmt: skip
    pd.DataFrame(costs).to_csv(tmp_path / "costs.csv", index=False)
    params = {"labels": {"a": "Way A", "b": "Way B"}, "curves": ["a", "b"], "test": "t", "spread": "s", "title": ""}
    inputs = {"ranks": tmp_path / "ranks.csv", "way_costs": tmp_path / "costs.csv"}
    table, figure = ranks.draw(inputs, params, STYLE)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert {"Way A", "Way B", "25 structures", "3 / 3", "4 / nan", "1", "1 + 2.5e+02"} <= set(said)
    assert sum(", 1" in one or ", 2" in one for one in said) == 4 and len(table) == 4
    figure.canvas.draw()
    frame = figure.axes[0].get_window_extent()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= frame.x0 - 1 and box.x1 <= frame.x1 + 1, text.get_text()


# --- sections

CURVES = {
    "parent": {"label": "parent", "recipe": "foundation.wb97m-d3.n*.e80", "values": [400]},
    "parents-size": {"label": "parents", "recipe": "molecules.dftb-ptbp.n*.e32", "values": [100, 300]},
    "old": {"label": "old", "recipe": "foundation.wb97m-d3.n400.e80/molecules.pbe0-d3.n*", "values": [25, 50],
            "test": "foundation.wb97m-d3"},
    "new": {"label": "new", "recipe": "foundation.wb97m-d3.n400.e80/molecules.pbe0-d3.n*", "values": [25, 50]},
    "sizes": {"label": "sizes", "recipe": "molecules.dftb-ptbp.n*.e32/molecules.pbe0-d3.n50", "values": [100, 300]},
    "chosen": {"label": "c", "recipe": "molecules.dftb-ptbp.n300.ebest/molecules.pbe0-d3.n*", "values": [25, 50]},
    "other": {"label": "o", "recipe": "molecules.pbe0-d3.n*", "values": [25, 50]},
}  # fmt: skip
FIGURES = {
    "lines": {"kind": "error-against-error", "curves": ["sizes", "new"], "before": ["parents-size", "parent"]},
    "kept": {"kind": "forgetting", "curves": ["new"], "kept": ["old"], "parent": "parent"},
    "table": {"kind": "ranks", "curves": ["new", "other", "chosen"], "values": [25]},
}


@pytest.fixture(scope="module")
def values():
    found = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    return found | {"curves": CURVES, "export": []}


def load(known, name, **changes):
    return checks.load(known | {"figures": {name: FIGURES[name] | changes}, "dynamics": {}}, ROOT)


def test_sections(values):
    config = load(values, "lines")
    figure = config.figures["lines"]
    assert not checks.of_figure(config, "lines", ROOT)
    *_, trend = figure.tables(config, "lines")
    assert trend.inputs == {"points": "results/points/lines.csv"}
    assert [(one["value"], one["before_value"]) for one in trend.settings["pairs"]] == [
        (100, 100), (300, 300), (25, 400), (50, 400)]  # fmt: skip
    assert "foundation at wb97m-d3" in figure.text(config)
    config = load(values, "kept")
    assert not checks.of_figure(config, "kept", ROOT)
    assert "foundation at wb97m-d3" in config.figures["kept"].text(config)
    config = load(values, "table")
    assert not checks.of_figure(config, "table", ROOT)
    *_, costs = config.figures["table"].tables(config, "table")
    assert costs.inputs["costs"] == [f"results/costs/{one}.csv" for one in ("new", "other", "chosen")]
    first, alone = costs.settings["runs"][0]["trainings"], costs.settings["runs"][3]["trainings"]
    parent = "foundation.wb97m-d3.n400"
    ends = [f"{parent}.e80/molecules.pbe0-d3.n25/seed-1/model.pt", f"{parent}/seed-1/model.pt"]
    assert [one.split("tiny/")[1] for one in first] == ends
    assert len(alone) == 1
    assert len(trainings(config, parse(CURVES["chosen"]["recipe"].replace("*", "25")))) == len(config.snapshots) + 1


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("lines", {"before": ["parent"]}, "lines.before: got ['parent']; valid: a curve for each of the 2"),
        ("lines", {"before": ["parents-size", "none"]}, "lines.before.1: got 'none'; valid: the curves"),
        ("lines", {"before": ["parents-size", "other"]}, "before.1: got 'other'; valid: a curve of the models"),
        ("lines", {"curves": ["sizes", "chosen"]}, "before.1: got 'parent'; valid: a curve of the models that chosen"),
        ("kept", {"kept": ["new"]}, "kept.kept.0: got 'new'; valid: a curve tested as parent is (foundation.wb97m-d3)"),
        ("kept", {"kept": ["sizes"]}, "kept.kept.0: got 'sizes'; valid: a curve of the models of new"),
        ("kept", {"kept": ["none"]}, "kept.kept.0: got 'none'; valid: the curves"),
        ("kept", {"kept": ["old", "old"]}, "kept.kept: got ['old', 'old']; valid: a curve for each of the 1"),
        ("kept", {"parent": "other"}, "kept.parent: got 'other'; valid: a curve of the models that new at 25"),
        ("table", {"values": [25, 400]}, "table.values: got 400; valid: values of new"),
        ("table", {"curves": ["new", "sizes"]}, "table.values: got 25; valid: values of sizes"),
    ],
)  # fmt: skip
def test_mistakes(values, name, changes, said):
    found = checks.of_figure(load(values, name, **changes), name, ROOT)
    assert said in "\n".join(found)
