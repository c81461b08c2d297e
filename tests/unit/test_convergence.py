"""Whether budgets are large enough: what is trained twice as long, and what is made of it."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from mftl import checks
from mftl.config.modes import BUDGET, single, twin
from mftl.config.studies import complete, overlaid
from mftl.inputs import InputError
from mftl.plan import convergence, prediction, training
from mftl.recipe import parse
from mftl.tables.convergence import compare, markdown, search, table
from mftl.training.progress import Progress

ROOT = Path(__file__).parents[2]
VALUES = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)


def config_with(**changes):
    return checks.load(overlaid(VALUES, changes), ROOT)


@pytest.fixture(scope="module")
def config():
    return config_with()


def of(curve: str) -> SimpleNamespace:
    return SimpleNamespace(curve=curve)


def recipes_twice(config, curve: str) -> list[str]:
    return [str(one) for one in convergence.doubled(config, curve).recipes_of(curve)]


# --- the plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "name"), [("default", "twice"), ("metal", "metal-twice"), ("a-b", "a-b-twice")])
def test_each_mode_has_a_twin(mode, name):
    assert twin(mode) == name and single(name) == mode and single(mode) is None


def test_a_twin_has_twice_the_budget_and_else_all_the_same(config):
    parent = "molecules.dftb-ptbp.n5000.e8"
    for mode in config.modes:
        for has_parent in (True, False):
            once, twice = (config.training_of(one, has_parent).model_dump() for one in (mode, twin(mode)))
            assert {key for key in once if once[key] != twice[key]} <= set(BUDGET)
            assert [twice[key] for key in BUDGET] == [2 * once[key] for key in BUDGET]
        asked = [
            SimpleNamespace(architecture="tiny", seed="2", recipe=str(parse(f"{parent}/molecules.pbe0-d3.n50{dot}")))
            for dot in ("" if mode == "default" else f".{mode}", f".{twin(mode)}")
        ]
        for planned in (training.data, training.new_model, training.ways, training.source):
            assert planned(config, asked[0]) == planned(config, asked[1])
        once, twice = (training.inputs(config, one) for one in asked)
        assert twice.pop("shorter", None) is None and once == twice  # of a training that no curve asks for
        assert training.until_best(config, asked[1]) and not training.snapshots(config, asked[1])
    assert config.training_of("twice", True).epochs == 100  # of fine-tuning: 50


def test_a_twin_continues_the_training_it_has_twice_the_budget_of(config):
    recipe = "molecules.dftb-ptbp.n5000.e8/molecules.pbe0-d3.n25"
    asked = SimpleNamespace(architecture="tiny", seed="2", recipe=f"{recipe}.twice")
    assert training.inputs(config, asked)["shorter"] == f"results/models/tiny/{recipe}/seed-2/model.pt"
    # a rate that falls until the end is another one in a longer training
    assert "shorter" not in training.inputs(config_with(finetuning={"learning_rate_final": 1e-4}), asked)


@pytest.mark.parametrize("name", ["twice", "metal-twice", "default-twice"])
def test_names_of_twins_are_taken(name):
    with pytest.raises(InputError, match=rf"modes\.{name}: got '{name}'; valid: another name: .* twice the budget"):
        config_with(modes={name: {}})


@pytest.mark.parametrize("mode", ["nobody-twice", "default-twice", "twice-twice", "metal-twice-twice"])
def test_nothing_else_has_a_twin(mode):
    with pytest.raises(InputError, match=rf"curves\.mftl\.recipe.*{mode} to be a mode \(long, metal"):
        config_with(curves={"mftl": {"recipe": f"molecules.pbe0-d3.n*.{mode}"}})


def test_mistakes_of_a_twin_are_those_of_its_mode():
    change = {"modes": {"from-silicon": {"elements": {"Ge": "Sn"}}}}
    recipe = "silicon.stillinger-weber.n50/germanium.stillinger-weber.n*.from-silicon-twice"
    with pytest.raises(InputError, match=r"modes\.from-silicon\.elements: got \{'Ge': 'Sn'\}"):
        config_with(curves={"elements-transfer": {"recipe": recipe}}, **change)
    with pytest.raises(InputError, match=r"curves\.mftl\.recipe: .*n\*\.frozen-twice after another stage"):
        config_with(curves={"mftl": {"recipe": "molecules.pbe0-d3.n*.frozen-twice"}})


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ("single-fidelity", "molecules.pbe0-d3.n{}.twice, 25, 400"),
        ("mftl", "molecules.dftb-ptbp.n5000.e8/molecules.pbe0-d3.n{}.twice, 25, 400"),
        ("epochs-small", "molecules.dftb-ptbp.n1000.e{}/molecules.pbe0-d3.n25.twice, 1, 32"),
        ("delta", "molecules.pbe0-d3~dftb-ptbp.n{}.twice, 25, 400"),
        ("tungsten-multihead", "simple_crystals.pbe.n40.e80/tungsten.pbe.n{}.multihead-metal-twice, 10, 100"),
    ],
)
def test_the_last_stage_is_doubled_at_both_ends(config, curve, expected):
    recipe, *ends = expected.split(", ")
    assert recipes_twice(config, curve) == [recipe.format(end) for end in ends]
    asked = prediction.models(convergence.doubled(config, curve), of(curve))
    assert asked["values"] == list(map(int, ends)) and asked["seeds"] == [1, 2, 3]
    own, twice = (prediction.inputs(one, of(curve)) for one in (config, convergence.doubled(config, curve)))
    assert twice["models"] != own["models"] and twice["labels"] == own["labels"]


def test_pre_trainings_are_not_repeated(config):
    """What a doubled stage starts from is a model of a curve, and one rule makes the stage."""
    judged = [curve for curve in config.curves if convergence.reason(config, curve) is None]
    assert len(judged) == len(config.curves) - 2
    for curve in judged:
        known = config.models[config.curves[curve].architecture]
        for recipe in map(parse, recipes_twice(config, curve)):
            assert recipe not in known and (recipe.parent is None or recipe.parent in known)
            rules = (training.TRAINED, training.SNAPSHOT, training.CHOSEN)
            assert sum(bool(re.fullmatch(one, str(recipe))) for one in rules) == 1


def test_of_a_chosen_epoch_each_fine_tuning_is_doubled():
    recipe = "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n*"
    config = config_with(
        snapshots=[2, 8], seeds=1, curves={"best": {"label": "best", "recipe": recipe, "values": [9, 5, 7]}}
    )
    assert recipes_twice(config, "best") == [recipe.replace("*", size) + ".twice" for size in ("5", "9")]
    found, told = convergence.inputs(config, of("best")), convergence.settings(config, of("best"))
    assert found["predictions"] == ["results/predictions/best.npz", "results/convergence/predictions/best.npz"]
    tuned = [f"molecules.dftb-ptbp.n60.e{e}/molecules.pbe0-d3.n{n}{dot}"
             for dot in ("", ".twice") for n in (5, 9) for e in (2, 8)]  # fmt: skip
    assert told == {"curve": "best", "trained": [(one, 1) for one in tuned]}
    assert found["logs"] == [f"results/models/tiny/{one}/seed-1/log.csv" for one in tuned]
    chosen = [recipe.replace("*", str(n)) + dot for dot in ("", ".twice") for n in (5, 9)]
    assert found["cards"] == [f"results/models/tiny/{one}/seed-1/model.json" for one in chosen]


def test_a_curve_of_one_value_has_one_end():
    config = config_with(curves={"mftl": {"values": [50]}})
    assert recipes_twice(config, "mftl") == ["molecules.dftb-ptbp.n5000.e8/molecules.pbe0-d3.n50.twice"]
    assert len(convergence.inputs(config, of("mftl"))["cards"]) == 2 * 3


@pytest.mark.parametrize(
    ("curve", "why"),
    [
        ("low-level-small", "its models are snapshots, whose number of epochs is what is asked for"),
        ("raw", "it is a foundation model as it is, which is not trained"),
        ("longer", "its mode, twice, has twice the budget already"),
    ],
)
def test_what_has_no_budget_to_double(curve, why):
    own = {
        "raw": {"label": "raw", "recipe": "mace", "test": "molecules.pbe0-d3"},
        "longer": {"label": "longer", "recipe": "molecules.pbe0-d3.n*.twice", "values": [25]},
    }
    curves = ["low-level-small", "longer", "raw"]
    config = config_with(
        foundation_models={"mace": "config.yaml"},
        curves=own,
        figures={"fig4": {"curves": ["mftl", "raw", "longer"]}},
    )
    with pytest.raises(
        InputError, match=rf"curves\.{curve}\.recipe: got .*valid: a curve with a budget to double; {why}"
    ):
        convergence.of_doubled(config, of(curve), prediction.inputs)
    with pytest.raises(InputError, match=why):
        convergence.inputs(config, of(curve))
    told = convergence.unjudged(config, of(""))
    assert told.keys() == {*curves, "low-level-large"} and why in told[curve]
    assert f"results/convergence/{curve}.csv" not in convergence.tables(config, of(""))


def test_all_curves_that_figures_draw_are_judged(config):
    drawn = {curve for figure in config.figures.values() for curve in figure.shown(config)}
    expected = [f"results/convergence/{one}.csv" for one in config.curves if one in drawn and "low-level" not in one]
    assert convergence.tables(config, of("")) == expected and len(expected) > 20
    few = config_with(figures={"low_levels": {"values": [7]}, "figS2": {"curves": ["mftl"]}, "fig7": {"kind": "scheme"}}
                      | {"fig7": VALUES["figures"]["fig7"] | {"curves": ["tungsten-single"]}})  # fmt: skip
    left = convergence.tables(few, of(""))
    # a figure that cannot be made asks for nothing, and nobody draws Δ models any more but in simulations
    assert {Path(one).stem for one in expected if one not in left} == {
        "delta",
        "mftl-dftb",
        "mftl-gfn1",
        "mftl-gfn2",
        "tungsten-delta",
    }
    values = VALUES | {"figures": {"figS1": VALUES["figures"]["figS1"]}}
    with pytest.raises(InputError, match=r"figures: got \['figS1'\]; valid: a figure with a curve"):
        convergence.tables(checks.load(values, ROOT), of(""))


def test_a_figure_cannot_take_its_place():
    with pytest.raises(InputError, match=r"figures\.convergence: got 'convergence'; valid: another name"):
        config_with(figures={"convergence": {"kind": "scheme"}})


# --- the table ------------------------------------------------------------------------------------------------------

BASE = {"epochs": 3, "min_steps": 40, "patience": 3, "batch_size": 10}  # of 25 structures: 14 epochs, of 3 steps


def log_of(scores: list[float | None]) -> pd.DataFrame:
    """A log of epochs of three steps each."""
    epochs = range(1, len(scores) + 1)
    rows = [{"epoch": e, "step": 3 * e, "validation_score": s} for e, s in zip(epochs, scores, strict=True)]
    return pd.DataFrame(rows, columns=["epoch", "step", "validation_score"]).astype({"validation_score": float})


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([5, None, 4, 6, 4, None, 7], (21, True)),  # as good as the best is no better
        ([5, None, 4, 6, 6, 3, 7, 7], (24, False)),
        ([5] + [None] * 12 + [4, 9, 9, 9, 9], (42, False)),  # went on for a snapshot after its 14 epochs
        ([5, 6, 6, 6, 9, 9, 1], (12, True)),  # went on for a snapshot after patience ran out
    ],
)
def test_what_ended_a_training(scores, expected):
    assert search(log_of(scores), BASE, 25) == expected


def test_trainings_end_as_they_are_said_to():
    """The same as the state of a run, which decides it, on random scores."""
    rng, seen = np.random.default_rng(0), set()
    for _ in range(200):
        progress, scores = Progress(), []
        while not progress.best_is_final and progress.epoch < 14:
            progress.epoch += 1
            scores.append(rng.choice([None, rng.uniform(1, 2) / progress.epoch**0.3]))
            if scores[-1] is not None:
                progress.is_best(scores[-1], BASE["patience"])
        assert search(log_of(scores), BASE, 25) == (3 * progress.epoch, progress.best_is_final)
        seen.add(progress.best_is_final)
    assert seen == {True, False}


def rows_of(errors: list[float], scores: list[float], **columns) -> pd.DataFrame:
    """Rows as `compare` takes them: force errors of seeds at one value."""
    keys = {"curve": "one", "recipe": "a.b.n5", "value": 5, "quantity": "forces", "unit": "meV/Å"} | columns
    return pd.DataFrame(
        [
            keys | {"seed": seed, "rmse": 2 * mae, "mae": mae, "validation_score": score, "steps": 100 * seed,
                    "stopped_early": seed > 1}
            for seed, (mae, score) in enumerate(zip(errors, scores, strict=True), 1)
        ]
    )  # fmt: skip


def bars_of(low: float, high: float) -> pd.DataFrame:
    """The point of forces as configured, with its bar: rows of `errors.point_table`."""
    keys = {"value": 5, "quantity": "forces", "low": low, "high": high}
    return pd.DataFrame([keys | {"read": "rmse"}, keys | {"read": "mae", "low": low / 2, "high": high / 2}])


@pytest.mark.parametrize(
    ("mae", "score", "expected"),
    [
        ([10, 10, 10], [0.96, 0.96, 0.96], "yes"),  # 4 %
        ([5, 5, 5], [0.99, 0.99, 0.99], "yes"),  # test errors decide nothing where validation does
        ([8, 8, 8], [0.94, 0.94, 0.94], "within the bar"),  # an RMSE of 16
        ([7, 7, 7], [0.94, 0.94, 0.94], "no"),
        ([12, 12, 12], [1.06, 1.06, 1.06], "no"),
        ([10, 10, 10], [0.5, 0.5, 0.5], "within the bar"),
    ],
)
def test_validation_decides_then_the_bar(mae, score, expected):
    once, twice = rows_of([10, 10, 10], [1.0, 1.0, 1.0]), rows_of(mae, score)
    (row,) = compare(once, twice, bars_of(15, 23)).to_dict("records")
    assert (row["rmse_low"], row["rmse_high"], row["mae_low"], row["mae_high"]) == (15, 23, 7.5, 11.5)
    assert row["converged"] == expected and row["seeds"] == 3
    assert row["validation_score_change_percent"] == pytest.approx(100 * (score[0] - 1))
    assert (row["mae"], row["mae_twice"], row["rmse"]) == pytest.approx((10, mae[0], 20))
    changes = row["mae_change_percent"], row["rmse_change_percent"]
    assert list(changes) == pytest.approx([100 * (mae[0] / 10 - 1)] * 2)
    assert (row["steps"], row["stopped_early"]) == (200, 2)


def test_means_over_seeds_are_geometric():
    found = compare(rows_of([1, 2, 3], [1.0, 1.0, 1.0]), rows_of([1, 2, 3], [0.9, 0.8, 0.7]), bars_of(8, 9))
    (row,) = found.to_dict("records")
    assert (row["mae"], row["rmse"]) == pytest.approx((6 ** (1 / 3), 2 * 6 ** (1 / 3)))
    assert row["validation_score_change_percent"] == pytest.approx(100 * (0.504 ** (1 / 3) - 1))


@pytest.fixture
def trained(tmp_path):
    """Inputs and settings of a table: a curve of two ends after `.ebest`, one seed, with predictions and cards."""
    recipe, twice = "a.low.n60.ebest/a.high.n{}", "a.low.n60.ebest/a.high.n{}.twice"

    def predictions(name, recipes, values, errors):
        reference = np.zeros((3, 3))
        np.savez_compressed(
            tmp_path / name, recipe=recipes, value=values, epochs=[2] * len(values), seed=[1] * len(values),
            ids=["x", "y"], sizes=[1, 2], numbers=[1] * 3, reference_energies=[0.0, 0.0], reference_forces=reference,
            energies=[[e, 2 * e] for e in errors], forces=[reference + e for e in errors],
        )  # fmt: skip
        return str(tmp_path / name)

    def write(name, text):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    cards, logs, names = [], [], []
    for form, epochs, better in ((recipe, 2, 1.0), (twice, 8, 0.5)):
        for size in (5, 9):
            chosen = form.format(size).replace("ebest", f"e{epochs}")
            card = {"recipe": form.format(size), "chosen": chosen, "seed": 1, "training_ids": ["i"] * size,
                    "training": BASE | ({"min_steps": 80, "patience": 6, "epochs": 6} if form == twice else {}),
                    "validation": {"validation_score": better * (1.0 if size == 5 else 0.8 / better)}}  # fmt: skip
            cards.append(write(f"{len(cards)}.json", json.dumps(card)))
            for e in (2, 8):  # what was not chosen ended elsewhere
                names.append((form.format(size).replace("ebest", f"e{e}"), 1))
                scores = [3, 4, 4, 4] if e == 2 else list(range(90, 10, -1))
                logs.append(write(f"{len(logs)}.csv", log_of(scores).to_csv(index=False)))
    once = predictions("once.npz", [recipe.format(n) for n in (5, 7, 9)], [5, 7, 9], [0.1, 0.2, 0.3])
    doubled = predictions("twice.npz", [twice.format(n) for n in (5, 9)], [5, 9], [0.05, 0.3])
    inputs = {"predictions": [once, doubled], "cards": cards, "logs": logs}
    return inputs, {"curve": "best", "trained": names}


def test_table_of_a_curve(trained):
    found = table(*trained)
    assert list(found[["value", "quantity", "unit"]].itertuples(index=False, name=None)) == [
        (value, *one) for value in (5, 9) for one in (("energy", "meV/atom"), ("forces", "meV/Å"))
    ]
    assert list(found["mae"]) == pytest.approx([100, 100, 300, 300])
    assert list(found["rmse_twice"]) == pytest.approx([50, 50, 300, 300])
    assert list(found["mae_change_percent"]) == pytest.approx([-50, -50, 0, 0], abs=1e-9)
    assert list(found["converged"]) == ["no", "no", "yes", "yes"]
    # once by patience after four epochs, of the snapshot that was chosen; twice all 80 steps, in epochs of one
    assert set(found["steps"]) == {12} and set(found["stopped_early"]) == {1}
    assert set(found["steps_twice"]) == {3 * 80} and set(found["stopped_early_twice"]) == {0}
    assert (found["recipe"] == found["value"].map("a.low.n60.ebest/a.high.n{}".format)).all()
    assert set(found["seeds"]) == {1}
    assert (found["rmse_low"] <= found["rmse"]).all() and (found["rmse"] <= found["rmse_high"]).all()


def test_table_for_readers(trained):
    text = markdown(table(*trained), {"raw": "nothing is trained"})
    assert "large enough at 1 of 2 ends of 1 curves" in text
    assert "At 0 of the others" in text and "at 1 not." in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1 and len(rows) == 2 + 4
    assert rows[2] == [
        "`best`",
        "5",
        "energy",
        "100 meV/atom",
        "100–100",
        "50",
        "-50 %",
        "-50 %",
        "-50.0 %",
        "12, 240",
        "1, 0 of 1",
        "no",
    ]
    assert text.endswith("- `raw`: nothing is trained\n")
    assert "without a budget" not in markdown(table(*trained), {})
