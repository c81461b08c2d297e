"""What jobs are planned to read and to be told, from a configuration and the wildcards of their outputs."""

import os
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from mftl import checks, engines, setup
from mftl.config.studies import complete, overlaid
from mftl.inputs import InputError
from mftl.paths import card_of
from mftl.plan import dynamics, figures, labels, planner, pools, prediction, training

ROOT = Path(__file__).parents[2]
OWN = yaml.safe_load((ROOT / "config.yaml").read_text())
VALUES = complete(OWN, ROOT)
MODELS = "results/models/tiny"
FEW = {"curves": {name: {"values": [25]} for name in ("mftl", "single-fidelity", "foundation")}}


def config_with(**changes):
    return checks.load(overlaid(VALUES, changes), ROOT)


@pytest.fixture(scope="module")
def config():
    return config_with()


def cards(**wildcards) -> SimpleNamespace:
    return SimpleNamespace(**wildcards)


def model(recipe: str, architecture: str = "tiny", seed: str = "2") -> SimpleNamespace:
    return cards(architecture=architecture, recipe=recipe, seed=seed)


# --- training -------------------------------------------------------------------------------------------------------


def test_a_first_stage_starts_from_nothing(config):
    asked = model("molecules.pbe0-d3.n50")
    assert training.inputs(config, asked) == {
        "labels": ["results/labels/molecules/pbe0-d3.extxyz"],
        "split": "results/splits/molecules.json",
    }
    assert training.new_model(config, asked)["elements"] == ["H", "C", "N", "O", "S", "Cl"]
    assert training.data(config, asked) == {"size": 50, "resample": False}
    assert training.ways(config, asked) is None
    assert training.settings(config, asked)["learning_rate"] == 0.02


def test_a_later_stage_starts_from_the_path_before_it(config):
    asked = model("molecules.dftb-ptbp.n5000.e8/molecules.pbe0-d3.n50")
    found = training.inputs(config, asked)
    assert found["parent"] == f"{MODELS}/molecules.dftb-ptbp.n5000.e8/seed-2/model.pt"
    assert training.new_model(config, asked) is None
    assert training.settings(config, asked)["learning_rate"] == 0.01


def test_a_foundation_model_is_a_file_of_the_users():
    config = config_with(foundation_models={"mace": {"file": "config.yaml", "head": "pbe"}})
    asked = model("mace/molecules.pbe0-d3.n50")
    assert training.inputs(config, asked)["parent"] == "config.yaml"
    assert training.parent_head(config, asked) == "pbe"
    assert training.parent_head(config, model("molecules.dftb-ptbp.n60/molecules.pbe0-d3.n50")) is None


def test_a_difference_needs_both_levels(config):
    found = training.inputs(config, model("molecules.pbe0-d3~dftb-ptbp.n50"))
    assert found["labels"] == [f"results/labels/molecules/{level}.extxyz" for level in ("pbe0-d3", "dftb-ptbp")]


def test_what_is_replayed_is_an_input(config):
    asked = model("foundation.wb97m-d3.n1600.e16/molecules.pbe0-d3.n50.multihead")
    found = training.inputs(config, asked)
    assert found["replay"] == ["results/labels/foundation/wb97m-d3.extxyz"]
    assert found["replay_split"] == "results/splits/foundation.json"
    ways = training.ways(config, asked)
    assert ways == {"replay": {"system": "foundation", "level": "wb97m-d3", "structures": 1600, "weight": 1.0}}


def test_parts_of_a_joint_stage_are_inputs(config):
    """Each with the split of its system: what is tested in one part is trained on in none."""
    asked = model("foundation.wb97m-d3.n40+molecules.pbe0-d3~dftb-ptbp.n60+molecules.ccsdt.n30.energy-only")
    found = training.inputs(config, asked)
    assert found["labels"] == ["results/labels/molecules/ccsdt.extxyz"]
    assert found["joint_0"] == ["results/labels/foundation/wb97m-d3.extxyz"]
    assert found["joint_1"] == [f"results/labels/molecules/{level}.extxyz" for level in ("pbe0-d3", "dftb-ptbp")]
    assert [found[key] for key in ("split", "joint_split_0", "joint_split_1")] == [
        f"results/splits/{system}.json" for system in ("molecules", "foundation", "molecules")
    ]
    parts = [
        {"system": "foundation", "level": "wb97m-d3", "size": 40, "order": None},
        {"system": "molecules", "level": "pbe0-d3~dftb-ptbp", "size": 60, "order": None},
    ]
    assert training.ways(config, asked) == {"joint": parts}
    assert training.data(config, asked)["size"] == 30
    assert training.new_model(config, asked)["elements"] == config.systems["molecules"].elements
    assert training.source(config, asked) != training.source(config, model("molecules.ccsdt.n30.energy-only"))
    redrawn = config_with(modes={"energy-only": {"resample": True}})
    assert [one["order"] for one in training.ways(redrawn, asked)["joint"]] == [2, 2]
    chain = model("molecules.dftb-ptbp.n60+molecules.pbe0-d3.n30.e4/molecules.ccsdt.n5.multihead")
    assert training.ways(config, chain)["replay"]["level"] == "pbe0-d3"  # of what the parent is for


def test_elements_take_places(config):
    asked = model("silicon.stillinger-weber.n50.e5.forces/germanium.stillinger-weber.n5.from-silicon", "tiny-diamond")
    assert training.ways(config, asked) == {"elements": {"Ge": "Si"}}
    assert "replay" not in training.inputs(config, asked)
    plain = model("germanium.stillinger-weber.n5", "tiny-diamond")
    assert training.source(config, asked) != training.source(config, plain)


def test_snapshots_are_those_that_curves_name(config):
    run = model("molecules.dftb-ptbp.n1000")
    assert training.snapshots(config, run) == [1, 4, 16, 32]
    assert not training.until_best(config, run)
    assert not {"epochs", "min_steps"} & training.settings(config, run).keys()
    final = model("molecules.dftb-ptbp.n1000.e4/molecules.pbe0-d3.n25")
    assert training.snapshots(config, final) == [] and training.until_best(config, final)
    snapshot = model("molecules.dftb-ptbp.n1000.e4")
    folder = f"{MODELS}/molecules.dftb-ptbp.n1000/seed-2"
    assert training.trained_model(config, snapshot) == f"{folder}/model.pt"
    assert training.snapshot_file(config, snapshot) == f"{folder}/snapshots/e4.pt"


def test_candidates_are_tried_in_the_order_of_snapshots():
    config = config_with(snapshots=[8, 2])
    found = training.candidates(config, model("molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n10"))
    paths = [f"{MODELS}/molecules.dftb-ptbp.n60.e{e}/molecules.pbe0-d3.n10/seed-2/model.pt" for e in (8, 2)]
    assert found == {"models": paths, "cards": [card_of(path) for path in paths]}


@pytest.mark.parametrize(
    ("recipe", "rule"),
    [
        ("molecules.pbe0-d3.n50", "TRAINED"),
        ("molecules.pbe0-d3.n50.frozen", "TRAINED"),
        ("molecules.pbe0-d3.n50.e16", "SNAPSHOT"),
        ("molecules.pbe0-d3.n50.e16.v2", "SNAPSHOT"),
        ("molecules.pbe0-d3.n50.e2e", "TRAINED"),
        ("molecules.pbe0-d3.n50.layers-4", "TRAINED"),
        ("molecules.pbe0-d3~dftb-ptbp.n50.e4", "SNAPSHOT"),
        ("a.b.n60+a.c~d.n5+a.d.n7.v2", "TRAINED"),
        ("a.b.n60+a.c.n5.e4", "SNAPSHOT"),
        ("a.b.n60+a.c.n5.ebest/a.d.n7+a.c.n5", "CHOSEN"),
        ("a.b.n60.e4/a.c.n10", "TRAINED"),
        ("a.b.n60.e4.v2/a.c.n10.v3", "TRAINED"),
        ("a.b.n60.e4/a.c.n10.e8", "SNAPSHOT"),
        ("a.b.n60.ebest/a.c.n10", "CHOSEN"),
        ("a.b.n60.ebest.v2/a.c.n10.v3", "CHOSEN"),
        ("a.b.n60.ebest/a.c.n10/a.d.n5", "TRAINED"),
        ("mace-mp-0/a.c.n10.v3", "TRAINED"),
        ("mace-mp-0/a.c.n10.ebest/a.d.n10", "CHOSEN"),
    ],
)
def test_one_rule_makes_each_model(recipe, rule):
    rules = {name: getattr(training, name) for name in ("TRAINED", "SNAPSHOT", "CHOSEN")}
    assert [name for name, constraint in rules.items() if re.fullmatch(constraint, recipe)] == [rule]


def test_every_model_of_the_configuration_is_made_by_one_rule(config):
    found = [str(one) for recipes in config.models.values() for one in recipes]
    assert len(found) > 50
    for recipe in found:
        matching = [re.fullmatch(one, recipe) for one in (training.TRAINED, training.SNAPSHOT, training.CHOSEN)]
        assert sum(map(bool, matching)) == 1, recipe


# --- labels ---------------------------------------------------------------------------------------------------------


def test_labels_of_an_engine_come_in_chunks(monkeypatch, config):
    monkeypatch.chdir(ROOT)  # the pool's file is counted
    asked = cards(system="molecules", level="gfn2-xtb")
    count = labels.number_of_chunks(config, asked)
    assert count == -(-6000 // config.labels.chunk_size)
    found = labels.collected(config, asked)
    assert len(found["chunks"]) == len(found["states"]) == count and "file" not in found
    ranges = [labels.chunk_range(config, cards(**vars(asked), chunk=str(i), chunks=str(count))) for i in range(count)]
    assert ranges[0][0] == 0 and ranges[-1][1] is None
    assert all(one[1] == other[0] for one, other in pairwise(ranges))


def test_labels_of_a_file_and_of_a_data_set(config):
    asked, pool = cards(system="molecules", level="dftb-ptbp"), "results/pools/molecules.extxyz"
    files = {"pool": pool, "file": "resources/molecules/molecules.dftb-ptbp.extxyz.xz"}
    assert labels.collected(config, asked) == files
    levels = {"dftb-ptbp": {"failures": "resources/README.md"}}
    changed = config_with(systems={"molecules": {"levels": levels}})
    assert labels.collected(changed, asked) == files | {"failures": "resources/README.md"}
    paper = complete(yaml.safe_load((ROOT / "config/paper.yaml").read_text()), ROOT)
    found = labels.collected(checks.load(paper, ROOT), cards(system="tungsten", level="pbe"))
    assert found == {"pool": "results/pools/tungsten.extxyz", "file": "results/datasets/tungsten.extxyz"}


def test_an_engine_that_is_missing_is_told_where_it_is_needed(monkeypatch, tmp_path, config):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    monkeypatch.setattr(engines.engine("tblite"), "installed", lambda settings: "pip install it")
    asked = cards(system="molecules", level="gfn2-xtb", chunk="0", chunks="2")
    message = r"systems.molecules.levels.gfn2-xtb.engine: tblite is not installed. To install it: pip install it"
    with pytest.raises(InputError, match=message):
        labels.chunk_inputs(config, asked, lambda: True)
    assert labels.chunk_inputs(config, asked, lambda: False)["pool"] == "results/pools/molecules.extxyz"
    finished = tmp_path / "results/labels/molecules/gfn2-xtb/chunk-0-of-2.csv"
    finished.parent.mkdir(parents=True)
    finished.write_text("")
    assert labels.chunk_inputs(config, asked, lambda: True)["files"] == []


def test_a_pool_that_an_engine_computes(monkeypatch, tmp_path):
    """It needs the engine and what that reads, and hangs on its code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    pool = {"generator": "molecule-md", "name": "water", "smiles": "O", "temperature": 300, "samples": 5}

    def planned(elements, needs_engine=False, **level):
        systems = {"own": {"elements": elements, "pool": pool | {"level": level}, "levels": {}}}
        config, asked = checks.load({"systems": systems}, ROOT), cards(system="own")
        files = pools.pool_files(config, asked, lambda: needs_engine)
        return files, pools.environment(config, asked), pools.source(config, asked)

    files, environment, source = planned(["H", "O"], engine="dftb+")
    assert {Path(file).name for file in files} == {"H-H.skf", "H-O.skf", "O-H.skf", "O-O.skf"}
    assert environment == "../../envs/mftl-dftbplus.yaml"
    made, environment, _ = planned(["H", "O"], engine="dftb+", slater_koster="results/slater-koster/ptbp")
    assert made == ["results/slater-koster/ptbp"]
    files, environment, other = planned(["H", "O"], engine="tblite")
    assert (files, environment) == ([], "../../envs/mftl.yaml")
    assert source != other
    with pytest.raises(InputError, match=r"systems.own.pool.level: the engine dftb\+ cannot treat Ar"):
        planned(["H", "O", "Ar"], engine="dftb+")
    monkeypatch.setattr(engines.engine("tblite"), "installed", lambda settings: "pip install it")
    with pytest.raises(InputError, match=r"systems.own.pool.level.engine: tblite is not installed"):
        planned(["H", "O"], needs_engine=True, engine="tblite")
    finished = tmp_path / "results/pools/own.extxyz"
    finished.parent.mkdir(parents=True)
    finished.write_text("")
    assert planned(["H", "O", "Xx"], needs_engine=True, engine="tblite")[0] == []


# --- prediction, dynamics, exports -----------------------------------------------------------------------------------


def test_predictions_of_a_difference_add_the_low_level(config):
    found = prediction.inputs(config, cards(curve="delta"))
    assert found["labels"] == [f"results/labels/molecules/{one}.extxyz" for one in ("pbe0-d3", "dftb-ptbp")]
    assert found["states"] == ["results/labels/molecules/dftb-ptbp.csv"]
    assert len(found["models"]) == 3 * 3 and found["cards"] == []
    assert prediction.difference(config, cards(curve="delta")) == "dftb-ptbp"
    assert prediction.difference(config, cards(curve="mftl")) is None


def test_predictions_after_a_choice_need_the_cards_that_tell_it():
    recipe = "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n*"
    config = config_with(curves={"best": {"label": "best", "recipe": recipe, "values": [5, 10]}}, seeds=2)
    found = prediction.inputs(config, cards(curve="best"))
    assert found["cards"] == [card_of(path) for path in found["models"]] and len(found["cards"]) == 4


def test_a_foundation_model_as_it_is_is_one_model():
    raw = {"label": "raw", "recipe": "mace", "test": "molecules.pbe0-d3"}
    config = config_with(foundation_models={"mace": {"file": "config.yaml", "head": "x"}}, curves={"raw": raw})
    assert prediction.inputs(config, cards(curve="raw"))["models"] == ["config.yaml"]
    expected = {"recipes": ["mace"], "values": [0], "seeds": [1], "head": "x"}
    assert prediction.models(config, cards(curve="raw")) == expected


def test_dynamics_of_a_difference_run_the_low_level(config):
    recipe = "molecules.pbe0-d3~gfn2-xtb.n25"
    asked = cards(protocol="molecules-hot", **vars(model(recipe)))
    found = dynamics.inputs(config, asked, lambda: False)
    assert found["models"] == [f"{MODELS}/{recipe}/seed-2/model.pt"] and found["files"] == []
    assert dynamics.low_level(config, asked)["method"] == "GFN2-xTB"
    assert dynamics.low_source(config, asked) == engines.source_hash("tblite")
    assert dynamics.threads(config, asked) == config.labels.workers
    plain = cards(protocol="molecules-hot", **vars(model("molecules.pbe0-d3.n25")))
    assert "files" not in dynamics.inputs(config, plain, lambda: False)
    assert dynamics.low_level(config, plain) is None and dynamics.threads(config, plain) == 1


def test_what_simulations_start_from(config):
    found = dynamics.start_inputs(config, cards(protocol="molecules-hot"))
    assert found == {"pool": "results/pools/molecules.extxyz", "split": "results/splits/molecules.json"}
    assert dynamics.start_inputs(config, cards(protocol="tungsten-hot")).keys() == {"pool"}
    crystal = {"lattice": "bcc", "element": "W", "lattice_constant": 3.18}
    cold = VALUES["dynamics"]["tungsten-hot"] | {"starts": {"crystal": crystal}}
    assert dynamics.start_inputs(config_with(dynamics={"cold": cold}), cards(protocol="cold")) == {}


def test_exports(config):
    assert prediction.exported(config, cards()) == ["results/export/mftl/model.pt"]
    assert "mftl" in prediction.exportable(config) and "low-level-small" not in prediction.exportable(config)
    with pytest.raises(InputError, match=r"export: got no curve; valid: a list of"):
        prediction.exported(config_with(export=[]), cards())
    rows = prediction.origins(config, cards(curve="mftl"))
    assert [(row["system"], row["level"]) for row in rows] == [("molecules", "dftb-ptbp"), ("molecules", "pbe0-d3")]


# --- figures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VALUES["figures"])
def test_each_figure_is_planned(config, name):
    asked = cards(figure=name)
    figure = config.figures[name]
    for table in figure.tables(config, name):
        one = cards(figure=name, table=table.folder)
        assert table.folder in (*figure.FOLDERS, *figure.MEASURED)
        assert table.folder in (*figures.folders(config), *figures.measured(config))
        assert figures.table_inputs(config, one) == table.inputs and table.inputs
        module = ROOT / "workflow/scripts" / (figures.table_module(config, one).replace(".", "/") + ".py")
        assert module.is_file() and len(figures.table_source(config, one)) == 16
    files = figures.inputs(config, asked)
    assert {f"results/{table.folder}/{name}.csv" for table in figure.tables(config, name)} <= set(files.values())
    assert figures.drawing(config, asked)["params"].keys() >= {"title"}
    assert figures.caption(config, asked)["text"].strip()
    assert len(figures.plot_source(config, asked)) == 16


def test_a_table_that_a_figure_has_not(config):
    with pytest.raises(InputError, match=r"figures.fig4.kind: learning-curves has no table results/low-levels"):
        figures.table_inputs(config, cards(figure="fig4", table="low-levels"))


def test_a_figure_that_nobody_asked_for_stops_nobody(config):
    config = config_with(**FEW)
    checks.require_figure(config, "fig4", ROOT)
    assert figures.inputs(config, cards(figure="fig4")) == {
        "errors": "results/errors/fig4.csv",
        "points": "results/points/fig4.csv",
    }
    for name in ("low_levels", "stability"):
        with pytest.raises(InputError, match=f"The figure {name} cannot be made:\n  figures.{name}"):
            checks.require_figure(config, name, ROOT)
    with pytest.raises(RuntimeError, match=r"figures.low_levels.values: got 400; valid: values of foundation: 25"):
        planner(config, RuntimeError)(figures.inputs)(cards(figure="low_levels"))


@pytest.fixture
def begun(monkeypatch):
    """A function that begins a call with config.yaml and changes, as the Snakefile does, but takes no lock."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setup.locks, "enter", lambda: None)
    monkeypatch.setenv(setup.jobs.CALL, "")
    monkeypatch.setenv("MFTL_EXTENSIONS", "")
    return lambda changes, main=True: setup.begin(changes, main, RuntimeError)


def test_jobs_keep_a_gpus_memory_in_one_piece(begun, monkeypatch):
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "")
    monkeypatch.delenv("PYTORCH_ALLOC_CONF")
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "max_split_size_mb:64")
    begun(FEW, main=False)
    assert "PYTORCH_ALLOC_CONF" not in os.environ  # the user's own goes before it
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF")
    begun(FEW, main=False)
    assert os.environ["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"


def test_figures_that_cannot_be_made_are_named_once(begun, capsys):
    begun(FEW)
    told = capsys.readouterr().err
    named = re.findall(r"Warning: the figure (\S+) cannot be made", told)
    assert sorted(named) == ["low_levels", "stability"]
    begun(FEW, main=False)
    assert capsys.readouterr().err == ""


# --- studies --------------------------------------------------------------------------------------------------------


def test_a_value_of_the_users_comes_before_a_studys():
    values = overlaid(OWN, {"curves": {"mftl": {"values": [7]}}})
    curve = complete(values, ROOT)["curves"]["mftl"]
    assert curve["values"] == [7] and curve["recipe"] == VALUES["curves"]["mftl"]["recipe"]


def test_studies_do_not_contradict_each_other(tmp_path):
    one = {"curves": {"a": {"label": "A"}}, "figures": {"f": {"kind": "scheme"}}}
    other = {"curves": {"a": {"label": "B"}}}
    for name, study in (("one", one), ("other", other)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(study))
    with pytest.raises(InputError, match=r"curves.a: got 'another in other.yaml than in a study before it'"):
        complete({"studies": ["one.yaml", "other.yaml"]}, tmp_path)
    assert complete({"studies": ["one.yaml", "one.yaml"]}, tmp_path)["curves"] == one["curves"]


@pytest.mark.parametrize(("content", "valid"), [(None, "a file that exists"), ("- 1\n", "a file of sections")])
def test_a_study_that_is_none_is_named(tmp_path, content, valid):
    if content:
        (tmp_path / "own.yaml").write_text(content)
    with pytest.raises(InputError, match=rf"studies.0: got 'own.yaml'; valid: {valid}"):
        complete({"studies": ["own.yaml"]}, tmp_path)


def test_a_configuration_may_stand_alone():
    values = {"systems": {"a": {"elements": ["H"], "pool": {"file": "config.yaml"}, "levels": {}}}}
    assert complete(values, ROOT) == values
    assert figures.studies(checks.load(values, ROOT)) == []


def test_figures_of_a_study(config):
    assert figures.studies(config) == ["", "elements/"]
    assert "results/elements/fig2.pdf" in figures.pages(config, cards(study="elements/"))
    first = figures.pages(config, cards(study=""))
    assert "results/fig4.pdf" in first and "results/stability.pdf" not in first
    claims = str(ROOT / "resources/claims.yaml")
    assert "results/points/fig4.csv" in figures.claimed_tables(config, cards(study=""), claims)
