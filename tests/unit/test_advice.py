"""Advice: which pilot is made, what is refused, what made-up points lead to, and a configuration that can be used."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mftl import checks, points
from mftl.advice import cheap, pilot
from mftl.advice.findings import FORECAST, MEASURED, Findings
from mftl.advice.page import Circumstances, Price, page
from mftl.advice.pilot import Way
from mftl.advice.recommended import basis, recommended
from mftl.config.studies import overlaid
from mftl.forecast import COLUMNS
from mftl.inputs import InputError

ROOT = Path(__file__).parents[2]
MOLECULES = "resources/molecules/molecules"
VALUES = {
    "systems": {
        "own": {
            "elements": ["H", "C", "N", "O", "S", "Cl"],
            "pool": {"file": f"{MOLECULES}.extxyz.xz"},
            "levels": {
                "low": {"file": f"{MOLECULES}.dftb-ptbp.extxyz.xz"},
                "high": {
                    "outputs": [f"{MOLECULES}.pbe0-d3.extxyz.xz"],
                    "energy_key": "REF_energy",
                    "forces_key": "REF_forces",
                },
            },
            "split": {"level": "high", "test": 400, "validation": 100},
        }
    },
    "advice": {"system": "own", "level": "high", "cheap": ["low"]},
}


def load(**changes) -> checks.Config:
    return checks.load(overlaid(VALUES, changes), ROOT)


# --- the pilot ------------------------------------------------------------------------------------------------------


def test_the_pilot_is_made_of_ordinary_curves():
    config = load()
    recipes = {name: curve.recipe for name, curve in config.curves.items()}
    assert recipes == {
        "advice-scratch": "own.high.n*.advice",
        "advice-low": "own.low.n1000.e20/own.high.n*.advice",
        "advice-delta-low": "own.high~low.n*.advice",
        "advice-larger": "own.low.n1000.e20/own.high.n*.advice",
    }
    assert config.mode("advice").resample
    larger = config.architectures[config.curves["advice-larger"].architecture]
    assert larger.channels == 2 * config.architectures["tiny"].channels
    assert config.curves["advice-larger"].values == [100] and config.curves["advice-low"].values == [25, 50, 100]
    assert {str(one) for one in config.models["tiny"]} >= {"own.low.n1000.e20", "own.high.n25.advice"}
    chosen = config.selections["advice-next"]
    assert (chosen.model, chosen.level, chosen.structures) == ("own.low.n1000.e20", "high", 100)


def test_no_more_is_learned_or_chosen_than_there_is():
    config = load(advice={"pretraining": 6000, "next": 10_000})
    trained = int(config.curves["advice-low"].recipe.split(".n")[1].split(".")[0])
    assert trained == checks.systems.available(config, "own", "low", ROOT) < 6000
    total = config.systems["own"].pool.size(ROOT)
    assert config.selections["advice-next"].structures == total - 2000  # those with labels
    assert "advice-next" not in load(advice={"next": 0}).selections


def test_a_foundation_model_and_no_cheap_level():
    config = load(foundation_models={"start": "config.yaml"}, advice={"cheap": [], "foundation": "start"})
    assert [*config.curves] == ["advice-scratch", "advice-foundation-model", "advice-larger"]
    assert config.curves["advice-foundation-model"].recipe == "start/own.high.n*.advice"
    assert config.curves["advice-larger"].recipe == "own.high.n*.advice"
    assert config.selections["advice-next"].model == "start"
    assert load(advice={"cheap": []}).selections["advice-next"].model == "own.high.n100.advice"


def test_levels_of_installed_engines_are_found(monkeypatch):
    config = load(advice={"cheap": "auto"})
    assert {"gfn2-xtb", "gfn1-xtb"} <= {*cheap.levels(config)} <= {"gfn2-xtb", "gfn1-xtb", "dftb-ptbp"}
    assert config.systems["own"].levels["gfn1-xtb"].method == "GFN1-xTB"
    # a level that is the same keeps its name
    system = {"own": {"levels": {"mine": {"engine": "tblite", "method": "GFN1-xTB", "first": 50}}}}
    config = load(advice={"cheap": "auto"}, systems=system)
    assert "mine" in cheap.levels(config) and "gfn1-xtb" not in config.systems["own"].levels
    assert "advice-mine" in config.curves
    # too few are labelled at both for Δ-learning
    assert "advice-delta-gfn2-xtb" in config.curves and "advice-delta-mine" not in config.curves
    assert "advice-delta-mine" not in [one.name for one in pilot.ways(config)]


def test_a_file_that_labels_a_part_is_to_be_given_as_outputs():
    values = deepcopy(VALUES)
    file = f"{MOLECULES}.pbe0-d3.extxyz.xz"
    values["systems"]["own"]["levels"]["high"] = {"file": file}
    valid = rf"levels\.high\.file: got '{file}'; valid: outputs: \[{file}\] in place of it, since 4000 of 6000"
    with pytest.raises(InputError, match=valid):
        checks.load(values, ROOT)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"advice": {"sizes": [25, 50, 2000]}}, r"advice\.sizes: got \[25, 50, 2000\]; valid: at most 1500 labels"),
        ({"advice": {"sizes": [25, 100, 50]}}, r"advice\.sizes: .* sizes that rise"),
        ({"advice": {"system": "x"}}, r"advice\.system: got 'x'; valid: the systems: own"),
        ({"advice": {"level": "x"}}, r"advice\.level: got 'x'; valid: the levels of own: low, high"),
        ({"advice": {"cheap": ["high"]}}, r"advice\.cheap\.0: got 'high'; valid: other levels of own than high: low"),
        ({"advice": {"foundation": "x"}}, r"advice\.foundation: got 'x'; valid: a key of foundation_models"),
        ({"advice": {"larger": "x"}}, r"advice\.larger: got 'x'; valid: the architectures: tiny"),
        ({"advice": {"quantity": "forces", "wanted": {"forces": 1.0}}, "systems": {"own": {"levels": {"high": {
            "forces_key": None}}}}}, r"advice\.quantity: got 'forces'; valid: energy"),
        ({"curves": {"advice-low": {"label": "a", "recipe": "own.high.n*", "values": [5]}}}, "advice makes one"),
        ({"systems": {"own": {"elements": ["H", "C", "N", "O", "S", "Cl", "Lr"]}}, "advice": {"cheap": "auto"}},
         r"advice\.cheap: got 'auto'; valid: levels of own that label its structures.*cannot treat Lr"),
        ({"systems": {"own": {"levels": {"low": {"engine": "stillinger-weber"}}}}}, r"advice\.cheap\.0: .*cannot"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_in_one_line(changes, line):
    values = deepcopy(overlaid(VALUES, changes))
    if "engine" in str(changes):
        values["systems"]["own"]["levels"]["low"] = {"engine": "stillinger-weber"}
    with pytest.raises(InputError, match=line) as refused:
        checks.load(values, ROOT)
    assert len([one for one in str(refused.value).splitlines() if "advice" in one]) <= 2


# --- what points lead to --------------------------------------------------------------------------------------------

WAYS = [
    Way("scratch", "scratch"),
    Way("good", "mftl", "good"),
    Way("bad", "mftl", "bad"),
    Way("delta", "delta", "good"),
    Way("larger", "larger", "good", "good"),
]
LABELS = {"scratch": "From scratch", "good": "MFTL from good", "bad": "MFTL from bad", "delta": "Δ on good",
          "larger": "Larger model"}  # fmt: skip
GOOD = pd.DataFrame(
    [(f"c{i}", "forces", "rmse", 3, 100.0, 100 * r, r, 10, 10, 9, 11, 0.1) for r in (2.0, 4.0) for i in range(5)],
    columns=list(COLUMNS),
)
SIZES = [25, 50, 100]


def made(errors: dict[str, list[float]], noise: float = 0.02, seeds: int = 3, quantities=("forces",)) -> pd.DataFrame:
    """Points of 60 test structures, each curve with these errors at 25, 50 and 100, or at 100 alone."""
    rows = []
    ids = [f"s{i}" for i in range(60)]
    hard = np.random.default_rng(0).uniform(0.5, 1.5, 60)  # the same structures are hard for all
    for curve, values in errors.items():
        for size, error in zip(SIZES[-len(values) :], values, strict=True):
            for quantity in quantities:
                random = np.random.default_rng([size, sum(map(ord, curve))])
                own = error * hard * np.exp(noise * random.standard_normal((seeds, 1)))
                keys = {"figure": "advice", "curve": curve, "value": size, "quantity": quantity,
                        "unit": "meV/Å" if quantity == "forces" else "meV/atom"}  # fmt: skip
                rows += [keys | one for one in points.point(own**2, own, np.ones(60), ids, f"{curve} {size}")]
    return pd.DataFrame(rows)


CURVES = {"scratch": [400, 300, 225], "good": [200, 150, 112], "bad": [390, 295, 220], "delta": [300, 260, 220],
          "larger": [70]}  # fmt: skip


@cache
def usual() -> Findings:
    """Those of the curves as they are, whose forecasts take seconds."""
    return findings(GOOD)


def findings(record: pd.DataFrame = GOOD, **changes) -> Findings:
    noise = changes.pop("noise", 0.02)
    seeds, quantities = changes.pop("seeds", 3), changes.pop("quantities", ("forces",))
    curves = {key: value for key, value in (CURVES | changes).items() if value}
    ways = [one for one in WAYS if one.name in curves]
    return Findings(made(curves, noise, seeds, quantities), ways, LABELS, record, "forces")


def told(found: Findings, **known) -> str:
    return page(found, Circumstances("own", "high", **({"seeds": 3, "have": 140} | known)))


def test_a_cheap_level_that_helps():
    found = usual()
    text = told(found, wanted={"forces": 60.0})
    assert found.cheap.name == "good" and found.best.name == "good"
    assert "**Train MFTL from good.**" in text
    assert "Yes: after pre-training at good the force RMSE with 100 labels is 0.51 (95 %: " in text
    assert "good is better than bad, ratio 0.52 (95 %" in text
    assert (
        "The size of the model is a limit: with the same 100 labels the force RMSE of the larger model is 0.61" in text
    )
    assert "Try the larger one before you buy labels." in text
    assert "better than from scratch in 100% of the draws" in text
    # a power law of exponent 0.42: 60 at 440 labels, further than the record allows
    needed = found.needed({"forces": 70.0})["forces"]
    assert 250 < needed.half < 400 and (needed.sure is None or needed.sure >= needed.half)
    assert "labels for 50 %" in told(found, wanted={"forces": 70.0})
    assert "cannot be reached with 400 labels" in told(found, wanted={"forces": 20.0})


def test_a_cheap_level_that_does_not_help():
    found = findings(good=[480, 350, 260], bad=None, delta=None, larger=[265])
    text = told(found)
    assert "No: after pre-training at good, the best of those tried, the force RMSE" in text
    assert found.best.name == "scratch" and "**Train from scratch.**" in text


def test_what_cannot_be_told_apart_is_said():
    found = findings(good=[398, 301, 224], bad=[399, 299, 226], delta=None, larger=[223], noise=0.1)
    text = told(found)
    assert "That cannot be told apart: after pre-training at " in text
    assert "cannot be told apart from" in text and "take what is cheaper to compute" in text
    assert "The size of the model makes no difference that can be told apart" in text


def test_labels_are_the_limit_where_a_larger_model_is_worse():
    assert "Labels are the limit, not the size of the model" in told(findings(larger=[130]))


def test_a_difference_model_comes_with_what_it_costs_in_use():
    text = told(findings(delta=[80, 60, 45]))
    assert "**Train Δ on good.**" in text
    assert "A Δ model needs good in every step of every use" in text
    assert "Where that is too dear: MFTL from good." in text


def test_no_further_than_the_record_allows():
    two = findings(GOOD[GOOD["ratio"] == 2.0])
    assert two.ratios == [2.0] and two.aim == 200
    text = told(two)
    assert "200 labels (80 %)" in text and "400 labels" not in text
    assert "Nothing is said of more than 2 times the pilot's largest size" in text
    none = findings(GOOD[:0])
    assert none.ratios == [] and none.aim == 100 and none.best.name == "good"
    assert "holds too few curves to say what more labels bring" in told(none)


def test_one_seed_is_said():
    text = told(findings(seeds=1), seeds=1)
    assert "One seed: nothing is known of how far another one would be off" in text


def test_one_structure_that_decides_is_named():
    found = findings()
    found.table["worst_share"] = 0.5
    assert "One structure carries more than a fifth of a squared error (s" in told(found)


def test_costs_and_what_a_budget_pays():
    found = usual()
    prices = (Price(100, 0, 0.0, 0.2, 0.0), Price(200, 60, 3.0, 0.4, 0.0), Price(400, 260, 13.0, 0.8, 0.0))
    text = told(found, prices=prices, budget=5.0, afforded=230, rates={"a label": "180 CPU s, measured"})
    assert "| 400 | 260 | 13 | 0.8 | 0 |" in text and "- a label: 180 CPU s, measured" in text
    assert "5 CPU hours pay for 230 labels: force RMSE of " in text
    unknown = (Price(100, 0, 0.0, 0.2, 0.0), Price(200, 60, None, 0.4, 0.0))
    text = told(found, prices=unknown, budget=5.0)
    assert "say it: cost.label_seconds: {own.high: …}" in text and "What 5 CPU hours pay: cannot be told." in text
    assert "not the training alone" in told(found, prices=prices, budget=0.1)


def test_numbers_of_both_quantities():
    found = findings(quantities=("energy", "forces"))
    numbers = found.numbers()
    assert len(numbers) == 2 * (4 * (3 + 2) + 1)
    assert set(numbers["kind"]) == {MEASURED, FORECAST}
    ahead = numbers[(numbers["kind"] == FORECAST) & (numbers["labels"] == 400)]
    assert (ahead["low"] < ahead["estimate"]).all() and (ahead["estimate"] < ahead["high"]).all()
    assert "| energy RMSE, meV/atom |" in told(found)


def test_what_to_label_next_and_how_to_go_on():
    text = told(usual(), next_ids=tuple(f"m{i}" for i in range(12)), asked="asked.extxyz", configuration="own.yaml")
    assert "12 structures, the most telling first: m0, m1" in text and "m9 and 2 more" in text
    assert "snakemake --configfile own.yaml -- results/advised.pdf" in text and "all 140 labels" in text
    assert "No structure of the pool is known to have no label" in told(usual())


# --- the configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("larger", [False, True])
@pytest.mark.parametrize("kind", ["scratch", "mftl", "delta", "foundation"])
def test_the_recommended_configuration_can_be_used(kind, larger):
    config = load(foundation_models={"start": "config.yaml"}, advice={"foundation": "start"}, seeds=2)
    way = next(one for one in pilot.ways(config) if one.kind == kind)
    values = yaml.safe_load(yaml.safe_dump(recommended(config, way, 180, larger)))
    again = checks.load(values, ROOT)
    assert checks.of_figure(again, "advised", ROOT) == [] and again.advice is None and again.seeds == 2
    curve = again.curves[values["export"][0]]
    assert curve.values == [25, 50, 100, 180] and curve.recipe.endswith("n*.advice")
    assert curve.architecture == ("tiny-twice-the-channels" if larger and kind != "foundation" else "tiny")
    assert again.selections["advice-next"] == config.selections["advice-next"]


def test_what_a_pilot_rests_on_makes_the_same_pilot():
    config = load(advice={"cheap": "auto", "next": 7})
    again = checks.load(yaml.safe_load(yaml.safe_dump(basis(config))), ROOT)
    assert again.curves == config.curves and again.selections == config.selections
    assert again.architectures == config.architectures
