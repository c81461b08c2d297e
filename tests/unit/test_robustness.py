"""Robustness: what is asked of which models, what is refused, and what hand-made numbers come to."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mftl import checks
from mftl.config.modes import AnyMode
from mftl.config.plot import Plot
from mftl.config.studies import overlaid
from mftl.inputs import InputError
from mftl.plan import figures
from mftl.plan import robustness as plan
from mftl.plotting.robustness import plot
from mftl.robustness import tested, verdicts
from mftl.robustness.page import page
from mftl.robustness.verdicts import FAILS, NOT_ASKED, OPEN, PASSES

ROOT = Path(__file__).parents[2]
MOLECULES, FOUNDATION = "resources/molecules/molecules", "resources/foundation/foundation"
ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
VALUES = {
    "systems": {
        "own": {
            "elements": ELEMENTS,
            "pool": {"file": f"{MOLECULES}.extxyz.xz"},
            "levels": {
                "low": {"file": f"{MOLECULES}.dftb-ptbp.extxyz.xz"},
                "cheap": {"engine": "tblite"},
                "high": {"file": f"{MOLECULES}.pbe0-d3.extxyz.xz"},
            },
            "split": {"level": "high", "test": 100, "validation": 50},
        },
        "base": {
            "elements": ELEMENTS,
            "pool": {"file": f"{FOUNDATION}.extxyz.xz"},
            "levels": {"wb97": {"file": f"{FOUNDATION}.wb97m-d3.extxyz.xz"}},
            "split": {"level": "wb97", "test": 50, "validation": 10},
        },
        "metal": {
            "elements": ["W"],
            "pool": {"generator": "simple-crystals", "element": "W", "lattice_constant": 3.16},
            "levels": {},
        },
    },
    "foundation_models": {"mine": "config.yaml", "start": "README.md"},
    "curves": {
        "scratch": {"label": "a", "recipe": "own.high.n*", "values": [25, 50]},
        "tuned": {"label": "b", "recipe": "base.wb97.n400.e8/own.high.n*", "values": [25, 50], "seeds": 2},
        "cheap-first": {"label": "c", "recipe": "own.low.n*/own.high.n50", "values": [100, 200]},
        "chosen": {"label": "d", "recipe": "own.low.n100.ebest/own.high.n*", "values": [50]},
        "delta": {"label": "e", "recipe": "own.high~cheap.n*", "values": [50]},
        "delta-file": {"label": "f", "recipe": "own.high~low.n*", "values": [50]},
        "from-file": {"label": "g", "recipe": "start/own.high.n*", "values": [50]},
        "epochs": {"label": "h", "recipe": "own.low.n100.e*", "values": [2, 4]},
        "raw": {"label": "i", "recipe": "mine", "test": "own.high"},
    },
    "dynamics": {
        "solid": {
            "starts": {"crystal": {"lattice": "bcc", "element": "W", "lattice_constant": 3.2}},
            "temperature": 300.0, "length": 1.0, "closest": 2.0,
        },
    },
    "export": ["tuned"],
    "robustness": {},
}  # fmt: skip


def load(**section) -> checks.Config:
    return checks.load(overlaid(VALUES, {"robustness": section}), ROOT)


def asked(name: str, **section) -> dict:
    return tested.asked(load(curves=[name], **section), name)


# --- what is asked


def test_the_largest_value_of_what_is_exported_is_tested():
    config = load()
    curves = {name: one for name, one in config.curves.items() if name.startswith("robustness-")}
    assert {name: (one.recipe, one.values, one.test, one.seeds) for name, one in curves.items()} == {
        "robustness-tuned": ("base.wb97.n400.e8/own.high.n*", [50], None, 2),
        "robustness-tuned-kept": ("base.wb97.n400.e8/own.high.n*", [50], "base.wb97", 2),
        "robustness-tuned-parent": ("base.wb97.n*.e8", [400], "base.wb97", 2),
    }
    # nothing is trained that would not be without it
    assert config.models == checks.load({k: v for k, v in VALUES.items() if k != "robustness"}, ROOT).models
    hot = config.dynamics["robustness-own"]
    assert (hot.starts.set, hot.starts.structures, hot.temperature, hot.bond_deviation) == ("test", 5, 1000.0, 0.5)
    assert load(value=25).curves["robustness-tuned"].values == [25]
    # the open number of another stage, and of epochs
    assert load(curves=["cheap-first"]).curves["robustness-cheap-first"].recipe == "own.low.n200/own.high.n*"
    epochs = load(curves=["epochs"], value=2).curves["robustness-epochs"]
    assert (epochs.recipe, epochs.values) == ("own.low.n*.e2", [100])


def test_tables_are_those_of_figures_and_made_only_when_asked_for():
    config = load()
    found = {question: [table.folder for table in one] for question, one in tested.asked(config, "tuned").items()}
    assert found == {
        "forgetting": ["points", "forgetting"],
        "dimers": ["dimers"],
        "structure-search": ["structure-search"],
        "simulations": ["simulations"],
    }
    wildcards = SimpleNamespace(table="forgetting", figure="robustness/tuned", tested="tuned")
    assert figures.table_inputs(config, wildcards) == {"points": "results/points/robustness/tuned.csv"}
    wildcards.table = "dimers"
    assert figures.table_module(config, wildcards) == "mftl.tables.dimers"
    assert len(figures.table_settings(config, wildcards)["pairs"]) == 21
    models = figures.table_inputs(config, wildcards)["models"]
    last = "results/models/tiny/base.wb97.n400.e8/own.high.n50"
    assert models == [f"{last}/seed-{seed}/model.pt" for seed in (1, 2)]
    assert {"dimers", "structure-search"} == {*figures.measured(config)}
    assert plan.inputs(config, wildcards)["structure_search"] == "results/structure-search/robustness/tuned.csv"
    assert not [one for one in figures.everything(config, wildcards) if "robustness" in one]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("scratch", "start from random weights"),
        ("chosen", "chosen among several snapshots"),
        ("from-file", "what start learned is not known"),
        ("delta", "random weights"),
    ],
)
def test_what_cannot_be_asked_has_its_reason(name, reason):
    assert reason in asked(name)["forgetting"]


def test_elements_that_took_the_places_of_others_leave_nothing_to_forget():
    config = load()
    swapped = config.model_copy(update={"modes": {"default": AnyMode(elements={"W": "Cl"})}})
    assert tested.not_forgetting(config, "tuned") is None
    assert "took the places of the parent's" in tested.not_forgetting(swapped, "tuned")


def test_delta_models_are_simulated_where_their_level_can_be_computed():
    found = asked("delta")
    assert "no energies of their own" in found["dimers"] and found["dimers"] == found["structure-search"]
    assert not isinstance(found["simulations"], str)
    assert "cannot be computed there" in asked("delta-file")["simulations"]


def test_labels_are_named_where_it_is_not_known_what_a_parent_learned():
    config = load(curves=["from-file"], learned="base.wb97")
    assert config.curves["robustness-from-file-parent"].recipe == "start"
    assert config.curves["robustness-from-file-kept"].test == "base.wb97"
    assert not tested.same_structures(config, "from-file")
    assert tested.same_structures(load(curves=["cheap-first"]), "cheap-first")


def test_a_model_file_is_tested_on_a_system():
    config = load(model="mine", system="own")
    assert plan.names(config) == ["mine"] and config.curves["robustness-mine"].recipe == "mine"
    found = tested.asked(config, "mine")
    assert "`parent` names one" in found["forgetting"]
    assert found["dimers"][0].inputs["models"] == ["config.yaml"]
    events = found["simulations"][0].inputs["events"]
    assert events == ["results/dynamics/robustness-own/tiny/mine/seed-1/events.csv"]
    config = load(model="mine", system="own", parent="start", learned="base.wb97")
    (pair,) = tested.asked(config, "mine")["forgetting"][1].settings["pairs"]
    assert (pair["kept"], pair["value"], pair["before"]) == ("robustness-mine-kept", 0, "robustness-mine-parent")


def test_crystals_have_cells_and_no_bonds_that_must_hold():
    config = load(model="mine", system="metal")
    hot = config.dynamics["robustness-metal"]
    assert (hot.starts.set, hot.bond_deviation) == ("all", None)
    (search,) = tested.asked(config, "mine")["structure-search"]
    assert search.settings["starts"] == {
        "compositions": ["W2", "W4", "W6"], "structures": 20, "periodic": True, "volume": 1.5, "seed": 0,
    }  # fmt: skip
    assert tested.compositions_of(load(), "tuned")[:2] == ["H3C3", "H3N3"]


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"curves": ["x"]}, r"robustness\.curves\.0: got 'x'; valid: curves of trained models: scratch, tuned"),
        ({"curves": ["raw"]}, r"robustness\.curves\.0: got 'raw'; valid: curves of trained models"),
        ({"value": 30}, r"robustness\.value: got 30; valid: values of tuned: 25, 50"),
        ({"system": "own"}, r"robustness\.system: got 'own'; valid: null"),
        ({"model": "x", "system": "own"}, r"robustness\.model: got 'x'; valid: a key of foundation_models"),
        ({"model": "mine"}, r"robustness\.system: got None; valid: a system"),
        ({"model": "mine", "system": "own", "curves": ["tuned"]}, r"robustness\.curves: got \['tuned'\]; valid: none"),
        ({"model": "mine", "system": "own", "value": 5}, r"robustness\.value: got 5; valid: none beside `model`"),
        ({"model": "mine", "system": "own", "parent": "x"}, r"robustness\.parent: got 'x'; valid: a key of found"),
        ({"learned": "own.x"}, r"robustness\.learned: got 'own\.x'; valid: <system>\.<level>"),
        ({"elements": ["H", "W"]}, r"robustness\.elements\.1: got 'W'; valid: elements that tuned knows: H, C"),
        ({"compositions": ["H2O", "W2"]}, r"robustness\.compositions\.1: got 'W2'; valid: elements that tuned knows"),
        ({"protocol": "x"}, r"robustness\.protocol: got 'x'; valid: a key of dynamics \(solid\)"),
        ({"protocol": "solid"}, r"robustness\.protocol: got 'solid'; valid: a protocol of elements that tuned knows"),
    ],
)  # fmt: skip
def test_wrong_combinations_are_refused_in_one_line(section, line):
    with pytest.raises(InputError, match=line) as refused:
        load(**section)
    assert len(str(refused.value).splitlines()) == 2


def test_without_curves_or_a_name_of_its_own_it_is_refused():
    with pytest.raises(InputError, match=r"robustness\.curves: got \[\]; valid: .*some in `export`, or a `model`"):
        checks.load(VALUES | {"export": []}, ROOT)
    taken = VALUES["curves"] | {"robustness-x": VALUES["curves"]["scratch"]}
    with pytest.raises(InputError, match=r"curves\.robustness-x: .*another name"):
        checks.load(VALUES | {"curves": taken}, ROOT)
    with pytest.raises(InputError, match=r"robustness: got None; valid: a section; \{\} tests"):
        plan.targets(checks.load(VALUES | {"robustness": None}, ROOT), None)


# --- verdicts


def forgotten(*ratios: tuple[str, float, float, float]) -> pd.DataFrame:
    keys = {"curve": "k", "value": 5, "read": "rmse", "unit": "meV/Å", "estimate": 40.0, "low": 30.0, "high": 50.0}
    names = ("quantity", "ratio_estimate", "ratio_low", "ratio_high")
    return pd.DataFrame([keys | {"seeds": 2} | dict(zip(names, one, strict=True)) for one in ratios])


@pytest.mark.parametrize(
    ("ratio", "same", "verdict"),
    [
        ((1.2, 1.0, 1.9), False, PASSES),
        ((1.9, 1.5, 2.1), False, OPEN),
        ((9.0, 2.1, 20.0), False, FAILS),
        ((9.0, 2.1, 20.0), True, OPEN),
        ((1.2, 1.0, 1.9), True, PASSES),
    ],
)
def test_forgetting_passes_where_all_of_the_interval_is_below_the_limit(ratio, same, verdict):
    table = forgotten(("energy", 30.0, 20.0, 40.0), ("forces", *ratio))
    found = verdicts.forgetting(table, 2.0, "base.wb97", same)
    assert found.verdict == verdict and len(found.rows) == 2
    assert f"force RMSE on base.wb97 {ratio[0]:.3g} (95 %: {ratio[1]:.3g} to {ratio[2]:.3g})" in found.said
    assert ("as fine-tuning is to do" in found.said) == (same and verdict == OPEN)
    # of labels without forces the energies decide
    energies = verdicts.forgetting(table[:1], 2.0, "base.wb97", False)
    assert energies.verdict == FAILS and "energy RMSE" in energies.criterion


def pulled(**lowest: list[float]) -> pd.DataFrame:
    """Where the energy is lowest for each pair and seed, over the sum of radii (1 Å)."""
    rows = []
    for pair, places in lowest.items():
        for seed, place in enumerate(places, 1):
            for distance in (0.4, 0.8, 1.0, 4.0):
                known = {"pair": pair.replace("_", "-"), "curve": "c", "value": 5, "seed": seed, "distance_A": distance}
                energies = {"energy_eV": -3.0 * (distance == place), "radii_A": 1.0, "lowest_A": place}
                rows.append(known | energies | {"hole": place < 0.5})
    return pd.DataFrame(rows)


def test_dimers_fail_if_each_seed_has_a_pair_that_falls_together():
    assert verdicts.dimers(pulled(H_H=[0.8, 1.0], H_O=[1.0, 1.0])).verdict == PASSES
    some = verdicts.dimers(pulled(H_H=[0.8, 0.4], H_O=[1.0, 1.0]))
    assert some.verdict == OPEN and "1 of 2 pairs: H-H (1 of 2 seeds)" in some.said
    assert [row["verdict"] for row in some.rows] == [OPEN, PASSES]
    # each seed another pair: whichever is used has one
    assert verdicts.dimers(pulled(H_H=[0.4, 0.8], H_O=[0.8, 0.4])).verdict == FAILS
    assert verdicts.dimers(pulled(H_H=[0.4])).verdict == FAILS
    assert verdicts.dimers(pulled(H_H=[np.nan, np.nan])).verdict == FAILS  # energies that are no numbers


def searched(*holes: int, count: int = 100) -> pd.DataFrame:
    """So many holes of each seed among as many structures."""
    rows = []
    for seed, bad in enumerate(holes, 1):
        for k in range(count):
            known = {"curve": "c", "value": 5, "seed": seed, "composition": "W2" if k % 2 else "W4"}
            rows.append(known | {"state": "relaxed", "hole": "close" if k < bad else np.nan})
    return pd.DataFrame(rows)


def test_the_share_of_holes_has_the_interval_of_one_models_structures():
    found = verdicts.search(searched(0, 2), 0.1)
    assert found.verdict == PASSES and found.rows[0]["estimate"] == pytest.approx(0.01)
    low, high = verdicts.wilson(1.0, 100, 1.96)  # of a hundred structures, not of two hundred
    assert (found.rows[0]["low"], found.rows[0]["high"]) == pytest.approx((low, high))
    assert "of 100 structures are holes (seeds: 0 %, 2 %); by criterion: close 2" in found.said
    assert verdicts.search(searched(10), 0.1).verdict == OPEN
    assert verdicts.search(searched(30), 0.1).verdict == FAILS
    assert verdicts.search(searched(0, count=10), 0.1).verdict == OPEN  # too few to tell
    assert [row["what"] for row in found.rows] == ["holes of all", "holes of W4", "holes of W2"]
    assert found.table()["verdict"].isna().tolist() == [False, True, True]  # all of them decide


def simulated(*failed: int, count: int = 20) -> pd.DataFrame:
    """So many simulations of each seed that end early."""
    rows = []
    for seed, bad in enumerate(failed, 1):
        for k in range(count):
            known = {"seed": seed, "length_ps": 5.0, "failed_ps": 1.0 + k if k < bad else np.nan}
            rows.append(known | {"reason": "bond broken" if k < bad else np.nan})
    return pd.DataFrame(rows)


def test_simulations_pass_where_enough_of_them_are_stable_for_sure():
    found = verdicts.simulation(simulated(0, 1), 0.8)
    assert found.verdict == PASSES and len(found.rows) == 3
    assert "98 % (95 %: 87 % to 100 %) of 40 simulations are stable for 5 ps (seeds: 100 %, 95 %)" in found.said
    assert "others end by: bond broken 1; the first after 1 ps" in found.said
    assert verdicts.simulation(simulated(0), 0.8).verdict == PASSES
    assert verdicts.simulation(simulated(0, count=5), 0.8).verdict == OPEN
    assert verdicts.simulation(simulated(4), 0.8).verdict == OPEN
    assert verdicts.simulation(simulated(15), 0.8).verdict == FAILS


# --- the page and the figure


def test_page_and_figure_tell_the_same_verdicts(tmp_path):
    settings = {
        "name": "own", "recipe": "a.b.n5/c.d.n5", "parent": "a.b.n5", "learned": "a.b", "same_structures": False,
        "protocol": "20 simulations", "limits": {"forgotten": 2.0, "holes": 0.1, "stable": 0.8},
        "not_asked": {"structure-search": "there is a reason"},
    }  # fmt: skip
    tables = {
        "forgetting": forgotten(("energy", 0.5, 1e-9, 1e9), ("forces", 9.0, 3.0, 20.0)),
        "dimers": pulled(H_H=[0.8, 0.4], H_O=[1.0, 1.0]),
        "simulations": simulated(0, 0),
    }
    inputs = {}
    for name, table in tables.items():
        inputs[name] = str(tmp_path / f"{name}.csv")
        table.to_csv(inputs[name], index=False)
    found = verdicts.answers(inputs, settings)
    assert [one.verdict for one in found] == [FAILS, OPEN, NOT_ASKED, PASSES]
    text = page(found, settings)
    assert "**Fails: what was forgotten; cannot be told: two atoms; passes: hot simulation; not asked: random" in text
    assert "It cannot be asked: there is a reason." in text and "A mode that replays data of the parent" in text
    assert "| force RMSE on a.b over the parent's | 9 | 3 | 20 | fails |" in text and "2 seeds" in text
    rows = pd.concat([one.table() for one in found])
    assert rows.set_index("question").loc["structure-search", "verdict"] == NOT_ASKED
    assert len(rows) == 2 + 2 + 1 + 3

    figure = plot(found, tables, settings, Plot(font_size=8.0).model_dump())
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == [
        "(a) What was forgotten: fails",
        "(b) Two atoms: cannot be told",
        "(c) Random structures: not asked",
        "(d) Hot simulation: passes",
    ]
    assert figure.axes[0].get_ylim()[1] < 1e5 and len(figure.axes[0].get_yticks()) < 10
    assert figure.axes[2].texts[0].get_text() == "there is a reason"
