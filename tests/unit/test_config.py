"""The configuration: what is wrong is named with its path, the value given and what would be valid."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from mftl import checks, configdocs
from mftl.checks.systems import available
from mftl.config.studies import complete, overlaid
from mftl.config.whole import Config, parse
from mftl.extxyz import open_bytes
from mftl.figures.low_levels import low_level
from mftl.inputs import InputError
from mftl.recipe import parse as recipe

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([ROOT / "config.yaml", *(ROOT / "config").glob("*.yaml")])
SHIPPED.remove(ROOT / "config" / "defaults.yaml")
SHIPPED.remove(ROOT / "config" / "paper-extended.yaml")  # goes on top of paper.yaml: see test_paper_scale
SHIPPED.remove(ROOT / "config" / "rehearsal.yaml")  # so does this: see test_rehearsal
SHIPPED.remove(ROOT / "config" / "own.yaml")  # asks for the user's file: see test_own_structures
SHIPPED.remove(ROOT / "config" / "check-real.yaml")  # asks for a folder: see test_a_folder_of_data
SHIPPED.remove(ROOT / "config" / "check-real-selection.yaml")  # goes on top of that: see test_labels_saved


def read(name: str) -> dict:
    """A configuration that ships, with its studies."""
    return complete(yaml.safe_load((ROOT / name).read_text()), ROOT)


@pytest.fixture
def values():
    return read("config.yaml")


def mistakes(values) -> str:
    """What is told of a configuration; of one that can be used, what is told of each figure that cannot be made."""
    try:
        config = checks.load(values, ROOT)
    except InputError as error:
        return str(error)
    told = []
    for name in config.figures:
        try:
            checks.require_figure(config, name, ROOT)
        except InputError as error:
            told.append(str(error))
    assert told, "nothing is wrong with it"
    return "\n".join(told)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_configurations_are_valid(path):
    values = yaml.safe_load(path.read_text())
    if not {"systems", "studies"} & values.keys():  # as the Snakefile does
        values = overlaid(yaml.safe_load((ROOT / "config.yaml").read_text()), values)
    values = complete(values, ROOT)
    config = checks.load(values, ROOT)
    for name in config.figures:
        checks.require_figure(config, name, ROOT)
    jsonschema.validate(values, json.loads((ROOT / "config" / "schema.json").read_text()))


def test_own_structures(tmp_path):
    """config/own.yaml is valid once the user's file is there; until then the message names it."""
    values = yaml.safe_load((ROOT / "config" / "own.yaml").read_text())
    with pytest.raises(InputError) as caught:
        checks.load(values, tmp_path)
    assert "systems.own.pool.file: got 'own.xyz'; valid: a file that exists" in str(caught.value)
    with open_bytes(ROOT / "resources/molecules/molecules.dftb-ptbp.extxyz.xz") as source:
        (tmp_path / "own.xyz").write_bytes(source.read())
    checks.load(values, tmp_path)


def test_a_folder_of_data(tmp_path):
    """config/check-real.yaml takes its files from a folder given with the call."""
    values = yaml.safe_load((ROOT / "config" / "check-real.yaml").read_text())
    with pytest.raises(InputError, match=r"data: got None; valid: a folder, since systems.qm7x.pool.file is {data}/"):
        parse(values)
    with pytest.raises(InputError, match=f"systems.qm7x.pool.file: got '{tmp_path}/qm7x/qm7x_2500.xyz'"):
        checks.load(values | {"data": str(tmp_path)}, ROOT)
    config = parse(values | {"data": "/folder"})
    assert config.systems["tungsten"].levels["pbe"].file == "/folder/tungsten/tungsten_gap2014.xyz.xz"
    assert config.downloads.folder == "/folder"


def test_paper_plans_without_its_data():
    """How much there is to train on is known before anything is downloaded."""
    values = read("config/paper.yaml")
    config = checks.load(values, ROOT)
    assert config.systems["qm7x"].pool.size(ROOT) == 150000
    assert available(config, "qm7x", "pbe0-mbd~dftb-ptbp", ROOT) == 99500
    assert available(config, "tungsten", "pbe", ROOT) == 9693 - 2000
    assert available(config, "small-molecules", "ccsdt", ROOT) == 3001
    assert config.systems["germanium"].pool.size(ROOT) == 30600
    assert available(config, "germanium", "stillinger-weber", ROOT) == 30600 - 1700 - 170
    assert config.systems["tungsten"].pool.first(True, ROOT) and not config.systems["qm7x"].pool.first(True, ROOT)
    values["curves"]["ccsdt-single"]["values"] = [3002]
    values["systems"]["qm7x"]["levels"]["dftb-ptbp"]["first"] = 40000
    values["systems"]["small-molecules"]["levels"]["ccsdt"]["dataset"] = "qm7x"
    values["systems"]["tungsten"]["pool"]["count"] = 10000
    values["systems"]["qm7x"]["pool"]["dataset"] = "qm7x"
    message = mistakes(values)
    for part in (
        "curves.ccsdt-single.values: got 3002; valid: at most 3001 structures of small-molecules at ccsdt",
        "curves.mftl.recipe: got",
        "at most 40000 structures of qm7x at dftb-ptbp",
        "systems.small-molecules.levels.ccsdt.dataset: got 'qm7x'; valid: ccsdt-molecules, the pool's data set",
        "systems.tungsten.pool.count: got 10000; valid: at most 9693, all of tungsten-gap2014",
    ):
        assert part in message


@pytest.mark.parametrize("name", ["schema", "commented_defaults"])
def test_generated_documents_have_not_drifted(name):
    path = ROOT / "config" / {"schema": "schema.json", "commented_defaults": "defaults.yaml"}[name]
    assert path.read_text() == getattr(configdocs, name)(), "run `make config-docs`"


def test_a_data_set_with_several_labels_and_a_published_test_set():
    """Which labels are meant has to be said; how many of a sample have one is known before it is drawn, roughly."""
    values = read("config/paper.yaml")
    molecules = {"elements": ["H", "C", "N", "O"], "pool": {"dataset": "ani1x", "count": 1000000}}
    levels = {
        "wb97x-dz": {"dataset": "ani1x", "labels": "wb97x-dz"},
        "ccsdt": {"dataset": "ani1x", "labels": "ccsdt-cbs"},
    }
    aspirin = {
        "elements": ["H", "C", "O"],
        "pool": {"dataset": "ccsd-aspirin"},
        "levels": {"ccsd": {"dataset": "ccsd-aspirin"}},
    }
    aspirin["split"] = {"level": "ccsd", "test": 0, "validation": 50, "test_only": {"set": ["test"]}}
    split = {"level": "ccsdt", "test": 20000, "validation": 1000}
    values["systems"] |= {"ani": molecules | {"levels": levels, "split": split}, "aspirin": aspirin}
    config = checks.load(values, ROOT)
    assert 98783 - 21000 < available(config, "ani", "ccsdt", ROOT) < 101000 - 21000
    assert available(config, "ani", "wb97x-dz", ROOT) == 979000
    assert available(config, "aspirin", "ccsd", ROOT) == 950
    curve = {"label": "x", "architecture": "mace-off23-small", "recipe": "ani.ccsdt.n*", "values": [85000]}
    values["curves"]["x"] = curve | {"role": "single-fidelity"}
    levels |= {"none": {"dataset": "ani1x"}, "other": {"dataset": "ani1x", "labels": "wb97x-tz"}}
    aspirin["levels"]["ccsd"]["labels"] = "ccsdt-cbs"
    message = mistakes(values)
    for part in (
        "curves.x.values: got 85000; valid: at most 79",
        "systems.ani.levels.none.labels: got None; valid: one of wb97x-dz, ccsdt-cbs",
        "systems.ani.levels.other.labels: got 'wb97x-tz'; valid: one of wb97x-dz, ccsdt-cbs",
        "systems.aspirin.levels.ccsd.labels: got 'ccsdt-cbs'; valid: null, since ccsd-aspirin has labels of one kind",
    ):
        assert part in message


def test_commented_defaults_are_the_defaults():
    """The documented sections, read back, are what an empty section gives."""
    documented = yaml.safe_load((ROOT / "config" / "defaults.yaml").read_text())
    fields = Config.model_fields
    for section in configdocs.SECTIONS:
        assert documented[section] == fields[section].default.model_dump()


@pytest.mark.parametrize(
    ("keys", "value", "expected"),
    [
        (["trainig"], {}, ["trainig: got {}", "no such key", "training"]),
        (["training", "learning_rat"], 0.1, ["training.learning_rat: got 0.1", "learning_rate"]),
        (["training", "parent_dtype"], "double", ["training.parent_dtype: got 'double'", "float32"]),
        (["seeds"], "3", ["seeds: got '3'", "valid integer"]),
        (["seeds"], 0, ["seeds: got 0", "greater than 0"]),
        (["systems", "molecules", "split", "test"], "many", ["systems.molecules.split.test: got 'many'"]),
        (["systems", "molecules", "split", "level"], "pbe", ["systems.molecules.split.level: got 'pbe'", "pbe0-d3"]),
        (["systems", "molecules", "elements"], ["h"], ["systems.molecules.elements.0: got 'h'"]),
        (["systems", "molecules", "pool", "file"], "no.xyz", ["systems.molecules.pool.file: got 'no.xyz'", "exists"]),
        (["systems", "molecules", "pool"], {"generator": "x"},
         ["systems.molecules.pool: got {'generator': 'x'}", "normal-modes", "crystals"]),
        (["systems", "tungsten", "pool"], {"generator": "crystals", "name": "w", "elements": "W"},
         ["systems.tungsten.pool.element: got None; valid: this key", "systems.tungsten.pool.elements: got 'W'"]),
        (["systems", "molecules", "pool"], {"generator": "normal-modes", "molecules": {"water": "O"}, "stretched": 1},
         ["systems.molecules.pool.stretched: got 1; valid: 0, or `max_energy` above 0.3"]),
        (["systems", "molecules", "pool"], {"dataset": "qm9"}, ["systems.molecules.pool.dataset: got 'qm9'", "qm7x"]),
        (["systems", "molecules", "pool"], {"file": "resources/molecules/molecules.extxyz.xz", "count": 9999},
         ["pool.count: got 9999; valid: at most 6000"]),
        (["systems", "molecules", "levels", "x"], {"dataset": "qm7x"}, ["levels.x.dataset: got 'qm7x'", "from none"]),
        (["downloads"], {"checksums": {"qm7x-1000": "md5:xyz"}}, ["downloads.checksums.qm7x-1000: got 'md5:xyz'"]),
        (["foundation_models"], {"off": {"download": "mace-off24"}},
         ["foundation_models.off.download: got 'mace-off24'", "mace-off23-small"]),
        (["foundation_models"], {"off": "no.model"}, ["foundation_models.off: got 'no.model'", "exists"]),
        (["systems", "molecules", "levels", "hf"], {"engine": "gaussian"}, ["systems.molecules.levels.hf", "tblite"]),
        (["systems", "molecules", "levels", "gfn2-xtb", "method"], "PM6",
         ["systems.molecules.levels.gfn2-xtb.method: got 'PM6'", "GFN1-xTB"]),
        (["modes", "slow"], {"training": {"learning_rate": "low"}}, ["modes.slow.training.learning_rate: got 'low'"]),
        (["finetuning"], {"lr": 0.1}, ["finetuning.lr: got 0.1", "learning_rate"]),
        (["curves", "mftl", "recipe"], "molecules.pbe0-d3.50", ["curves.mftl.recipe: got", "<system>.<level>.n<size>"]),
        (["curves", "mftl", "recipe"], "molecules.pbe0-d3.n50", ["curves.mftl.recipe", "left open"]),
        (["curves", "mftl", "recipe"], "molecules.hf.n*", ["curves.mftl.recipe", "hf to be a level of molecules"]),
        (["curves", "mftl", "recipe"], "iron.pbe.n*", ["curves.mftl.recipe", "iron to be a system"]),
        (["curves", "mftl", "recipe"], "molecules.pbe0-d3.n*.slow", ["curves.mftl.recipe", "slow to be a mode"]),
        (["curves", "mftl", "recipe"], "mace-off/molecules.pbe0-d3.n*", ["curves.mftl.recipe", "foundation_models"]),
        (["curves", "mftl", "recipe"], "molecules.dftb-ptbp.n9999/molecules.pbe0-d3.n*",
         ["curves.mftl.recipe", "at most 5200 structures of molecules at dftb-ptbp"]),
        (["curves", "mftl", "values"], [25, 1201], ["curves.mftl.values: got 1201", "at most 1200 structures"]),
        (["curves", "mftl", "architecture"], "huge", ["curves.mftl.architecture: got 'huge'", "tiny"]),
        (["figures", "fig4", "curves"], ["mtfl"], ["figures.fig4.curves.0: got 'mtfl'", "mftl"]),
        (["figures", "fig4", "kind"], "pie", ["figures.fig4.kind: got 'pie'", "learning-curves"]),
        (["curves", "mftl", "recipe"], "molecules.pbe0-d3.n*.multihead",
         ["curves.mftl.recipe", "molecules.pbe0-d3.n*.multihead after another stage"]),
        (["curves", "mftl", "recipe"], "molecules.pbe0-d3.n*.frozen", ["curves.mftl.recipe", "after another stage"]),
        (["curves", "mftl", "recipe"], "molecules.dftb-ptbp.n60/molecules.pbe0-d3.n*.ebest",
         ["curves.mftl.recipe", "the last stage cannot have it"]),
        (["curves", "mftl", "test"], "molecules.hf", ["curves.mftl.test: got 'molecules.hf'", "<system>.<level>"]),
        (["curves", "mftl", "values"], [], ["curves.mftl.values: got []", "at least one value"]),
        (["snapshots"], [], ["snapshots: got []"]),
        (["snapshots"], [0], ["snapshots.0: got 0", "greater than 0"]),
        (["modes", "multihead", "replay"], {"size": 5}, ["modes.multihead.replay.size: got 5", "structures, weight"]),
        (["modes", "slow"], {"training": {"frozen": ["readout"]}}, ["modes.slow.training.frozen", "'readouts'"]),
        (["foundation_models"], {"x": {"path": "a"}}, ["foundation_models.x.path: got 'a'", "file, head"]),
        (["foundation_models"], {"x": "no.pt"}, ["foundation_models.x: got 'no.pt'", "exists"]),
        (["systems", "molecules", "split", "test"], 1850, ["1850 test", "2000 are labelled"]),
        (["figures", "fig4"], {"curves": ["mftl"]}, ["figures.fig4.kind: got None", "required"]),
        (["figures", "fig4", "height"], 3, ["figures.fig4.height: got 3", "no such key; known here: title"]),
        (["figures", "fig4", "curves"], ["epochs-small"],
         ["figures.fig4.curves.0: got 'epochs-small'", "a curve whose size is open"]),
        (["figures", "fig4", "curves"], ["mftl", "ccsdt-single"], ["figures.fig4.curves", "tested against the same"]),
        (["figures", "fig3", "curves"], ["mftl"], ["figures.fig3.curves.0: got 'mftl'", "epochs is open"]),
        (["figures", "fig3", "references"], [{"curve": "single", "value": 25, "label": "x"}],
         ["figures.fig3.references.0.curve: got 'single'", "single-fidelity"]),
        (["figures", "fig3", "references"], [{"curve": "mftl", "value": 26, "label": "x"}],
         ["figures.fig3.references.0.value: got 26", "values of mftl: 25, 100"]),
        (["figures", "fig3", "references"], [{"curve": "mftl", "value": "x", "label": "x"}],
         ["figures.fig3.references.0.value: got 'x'"]),
        (["figures", "fig2", "model"], "mace-off", ["figures.fig2.model: got 'mace-off'", "<system>.<level>"]),
        (["figures", "fig2", "model"], "foundation.wb97m-d3.n*", ["figures.fig2.model", "without an open number"]),
        (["figures", "fig2", "model"], "foundation.wb97m-d3.n4000", ["figures.fig2.model", "at most 1600 structures"]),
        (["figures", "fig2", "model"], "molecules.pbe0-d3~dftb-ptbp.n9", ["figures.fig2.model", "not of a difference"]),
        (["figures", "fig2", "level"], "am1", ["figures.fig2.level: got 'am1'", "dftb-ptbp"]),
        (["figures", "fig2", "level"], "pbe0-d3", ["figures.fig2.level", "another level than the reference"]),
        (["figures", "fig2", "system"], "iron", ["figures.fig2.system: got 'iron'", "molecules"]),
        (["figures", "fig2", "architecture"], "huge", ["figures.fig2.architecture: got 'huge'"]),
        (["figures", "fig2", "role"], "hero", ["figures.fig2.role: got 'hero'", "foundation"]),
        (["figures", "fig2", "worst"], 9, ["figures.fig2.worst: got 9"]),
        (["figures", "low_levels", "values"], [30], ["figures.low_levels.values: got 30", "values of mftl-dftb: 25"]),
        (["figures", "low_levels", "curves"], ["foundation"], ["figures.low_levels.curves", "another level of"]),
        (["figures", "paper"], {"kind": "scheme"}, ["figures.paper: got 'paper'", "another name"]),
        (["curves", "mftl", "role"], "hero", ["curves.mftl.role: got 'hero'", "single-fidelity"]),
        (["plot"], {"colors": {"mftl": "red"}}, ["plot.colors.mftl: got 'red'"]),
        (["plot"], {"font_size": 5.0}, ["plot.font_size: got 5.0"]),
        (["systems", "molecules", "split", "test_only"], {"molecule": ["watr"]},
         ["systems.molecules: split.test_only: no structure of the pool has molecule=watr"]),
        (["dynamics", "molecules-hot", "ensemble"], "nph", ["dynamics.molecules-hot.ensemble: got 'nph'", "'nvt'"]),
        (["dynamics", "molecules-hot", "steps"], 9, ["dynamics.molecules-hot.steps: got 9", "known here: starts"]),
        (["dynamics", "molecules-hot", "starts", "system"], "mars",
         ["dynamics.molecules-hot.starts.system: got 'mars'", "the systems: molecules"]),
        (["dynamics", "molecules-hot", "starts", "count"], 9,
         ["dynamics.molecules-hot.starts.count: got 9", "known here: system"]),
        (["dynamics", "molecules-hot", "starts"], {"structures": 2},
         ["dynamics.molecules-hot.starts: got", "either system or crystal"]),
        (["figures", "stability", "panels", 0, "protocol"], "cold",
         ["figures.stability.panels.0.protocol: got 'cold'", "molecules-hot"]),
        (["figures", "stability", "panels", 0, "curves"], ["delta"],
         ["figures.stability.panels.0.curves.0: got 'delta'", "has an engine", "the labels of dftb-ptbp are a file"]),
        (["figures", "stability", "panels", 0, "curves"], ["epochs-small"],
         ["figures.stability.panels.0.curves.0: got 'epochs-small'", "a curve whose size is open"]),
        (["figures", "stability", "panels", 0, "values"], [26],
         ["figures.stability.panels.0.values: got 26", "values of single-fidelity: 25"]),
        (["figures", "stability"], {"kind": "stability-table", "protocol": "molecules-hot", "curves": ["mftl"],
         "values": [25, 50], "published": {"mftl": [1]}}, ["figures.stability.published.mftl: got [1]", "2 numbers"]),
        (["figures", "stability"], {"kind": "structure", "protocol": "molecules-hot", "curves": ["mftl"],
         "references": [{"curve": "mfl", "value": 1, "label": "x"}]},
         ["figures.stability.references.0.curve: got 'mfl'", "mftl"]),
        (["figures", "stability"], {"kind": "phonons", "curves": ["tungsten-single"], "value": 7,
         "level": "tungsten.pbe", "crystal": {"lattice": "bcc", "element": "W", "lattice_constant": 3.18}},
         ["figures.stability.value: got 7", "figures.stability.level: got 'tungsten.pbe'", "computed by an engine"]),
        (["systems", "molecules", "split", "test_only"], ["water"], ["systems.molecules.split.test_only: got"]),
        (["systems", "molecules", "split", "test"], 0, ["systems.molecules.split.test: got 0", "at least 1"]),
        (["systems", "germanium", "split", "block"], 4, ["systems.germanium.split.stratify", "blocks decide"]),
        (["systems", "silicon", "pool", "samples"], 0, ["systems.silicon.pool.samples: got 0", "greater than 0"]),
        (["systems", "silicon", "levels", "stillinger-weber"], {"engine": "stillinger-weber", "lambda": 21},
         ["systems.silicon.levels.stillinger-weber.lambda: got 21", "no such key"]),
        (["curves", "elements-transfer", "recipe"], "silicon.stillinger-weber.n50/germanium.stillinger-weber.n*",
         ["curves.elements-transfer.recipe", "Ge of germanium to be elements that the stage before knows (Si)",
          "{Ge: Si}"]),
        (["modes", "from-silicon", "elements"], {"Ge": "Sn"},
         ["modes.from-silicon.elements: got {'Ge': 'Sn'}", "Sn to be an element of the model", "which knows Si"]),
        (["modes", "from-silicon", "elements"], {"Si": "Si"}, ["Si to be no element of the model"]),
        (["modes", "from-silicon", "elements"], {"Ge": "silicon"}, ["modes.from-silicon.elements.Ge: got 'silicon'"]),
        (["modes", "from-silicon", "replay"], {}, ["modes.from-silicon.elements", "no `replay`"]),
        (["modes", "forces-few", "elements"], {"Ge": "Si"}, ["curves.elements-scratch.recipe", "after another stage"]),
        (["modes", "forces", "training"], {"energy_weight": 0, "forces_weight": 0},
         ["modes.forces.training.energy_weight: got 0", "nothing is learned"]),
        (["training", "learning_rate_final"], 1e-4,
         ["curves.mftl.recipe", "a mode of molecules.dftb-ptbp.n5000.e8 with learning_rate_final: null"]),
        (["finetuning", "learning_rate_final"], 0.016,
         ["curves.mftl.recipe", "a learning_rate of molecules.pbe0-d3.n* not below its learning_rate_final, 0.016"]),
        (["modes", "forces-few", "training"], {"learning_rate_half_life": 9, "learning_rate_final": 1e-4},
         ["curves.elements-scratch.recipe", "learning_rate_half_life or learning_rate_final, not both"]),
        (["figures", "elements/fig4", "value"], 5, ["figures.elements/fig4.value: got 5", "1, 10"]),
        (["figures", "elements/fig4", "curves"], ["mtfl"], ["figures.elements/fig4.curves.0: got 'mtfl'"]),
        (["figures", "elements/fig2", "error"], "max", ["figures.elements/fig2.error: got 'max'"]),
        (["figures", "elements/fig1", "drawing"], "atoms", ["figures.elements/fig1.drawing: got 'atoms'"]),
        (["figures", "errors/fig2"], {"kind": "scheme"}, ["figures.errors/fig2", "results/errors is something else"]),
        (["figures", "a/b/c"], {"kind": "scheme"}, ["figures.a/b/c"]),
    ],
)  # fmt: skip
def test_mistakes_are_named(values, keys, value, expected):
    section = values
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    message = mistakes(values)
    for part in expected:
        assert part in message


def test_correlations_that_cannot_be_accelerated(values):
    values["training"]["accelerate"] = "cuequivariance"
    values["architectures"]["tiny"]["correlation"] = 3
    checks.load(values, ROOT)
    values["architectures"]["tiny"]["correlation"] = 1
    assert "architectures.tiny.correlation: got 1; valid: 2, 3, or training.accelerate: none" in mistakes(values)


def test_all_mistakes_are_reported_at_once(values):
    values["seeds"] = "3"
    values["plot"] = {"colour": "red"}
    message = mistakes(values)
    assert "seeds: got '3'" in message
    assert "plot.colour: got 'red'" in message


def test_a_missing_key_is_named(values):
    del values["systems"]["molecules"]["elements"]
    assert "systems.molecules.elements" in mistakes(values)


def test_modes_and_finetuning_replace_training_values(values):
    values["training"] = {"learning_rate": 0.01, "batch_size": 7}
    values["finetuning"] = {"learning_rate": 0.002}
    values["modes"]["slow"] = {"training": {"learning_rate": 0.001}}
    config = checks.load(values, ROOT)
    assert config.training_of("default", has_parent=False).learning_rate == 0.01
    assert config.training_of("default", has_parent=True).learning_rate == 0.002
    assert config.training_of("slow", has_parent=True).learning_rate == 0.001
    assert config.training_of("slow", has_parent=True).batch_size == 7


@pytest.fixture
def foundation(values):
    """A configuration with a foundation model, whose file is any that exists, and one curve."""
    values["foundation_models"] = {"mace-mp-0": {"file": "config.yaml", "head": "pbe"}, "other": "config.yaml"}
    values["figures"], values["export"] = {}, []

    def load(**curve):
        values["curves"] = {"one": {"label": "", **curve}}
        return checks.load(values, ROOT)

    return load


def test_foundation_model_as_it_is(foundation):
    config = foundation(recipe="mace-mp-0", test="molecules.pbe0-d3")
    assert [str(one) for one in config.recipes_of("one")] == ["mace-mp-0"]
    assert config.seeds_of("one") == [1]
    assert config.target_of("one") == ("molecules", ["pbe0-d3"])
    assert config.foundation_of("mace-mp-0").head == "pbe" and config.foundation_of("other").head is None
    assert config.models == {}
    for wrong, expected in (
        ({"recipe": "mace-mp-0"}, "curves.one.test: got None"),
        (
            {"recipe": "mace-mp-0", "test": "molecules.pbe0-d3", "values": [1]},
            "curves.one.values: got [1]; valid: none",
        ),
        ({"recipe": "mace-mp-1", "test": "molecules.pbe0-d3"}, "mace-mp-1 to be a key of foundation_models (mace-mp-0"),
    ):
        with pytest.raises(InputError) as caught:
            foundation(**wrong)
        assert expected in str(caught.value)


def replayed(config, chain):
    """What the last stage of a recipe is told to replay."""
    replay = config.modes[chain.last.mode].replay
    return replay and replay.params(config, chain)


def test_replayed_data_are_those_the_parent_learned_last(values, foundation):
    chain = recipe("molecules.dftb-ptbp.n60.e4/molecules.pbe0-d3.n10.multihead")
    config = foundation(recipe="molecules.pbe0-d3.n*", values=[10])
    assert replayed(config, chain.parent) is None
    assert replayed(config, chain) == {"system": "molecules", "level": "dftb-ptbp", "structures": 60, "weight": 1.0}
    values["modes"]["multihead"] = {"replay": {"structures": 100, "weight": 0.5}}
    replay = replayed(foundation(recipe="molecules.pbe0-d3.n*", values=[10]), chain)
    assert replay == {"system": "molecules", "level": "dftb-ptbp", "structures": 60, "weight": 0.5}
    with pytest.raises(InputError, match=r"modes\.multihead\.replay: got .*valid: system and level"):
        foundation(recipe="mace-mp-0/molecules.pbe0-d3.n*.multihead", values=[10])
    values["modes"]["multihead"] = {"replay": {"system": "foundation", "level": "wb97m-d3"}}
    config = foundation(recipe="mace-mp-0/molecules.pbe0-d3.n*.multihead", values=[10])
    replay = replayed(config, recipe("mace-mp-0/molecules.pbe0-d3.n10.multihead"))
    assert replay == {"structures": None, "system": "foundation", "level": "wb97m-d3", "weight": 1.0}
    values["modes"]["multihead"] = {"replay": {"system": "foundation", "level": "hf"}}
    with pytest.raises(InputError, match="hf to be a level of foundation"):
        foundation(recipe="mace-mp-0/molecules.pbe0-d3.n*.multihead", values=[10])


def test_structures_that_the_parent_labels(values, foundation):
    """Those that it learned, or all of a system that is named, less its test and validation sets."""
    chain = recipe("molecules.dftb-ptbp.n60.e4/molecules.pbe0-d3.n10.pseudolabels")
    config = foundation(recipe="molecules.pbe0-d3.n*", values=[10])
    own = {"system": "molecules", "level": "dftb-ptbp", "structures": 60, "weight": 1.0, "labels": "parent"}
    assert replayed(config, chain) == own
    way = config.modes["pseudolabels"].replay
    assert way.inputs(config, chain)["replay"] == ["results/labels/molecules/dftb-ptbp.extxyz"]
    assert way.learned(config, chain) == [] and way.systems(config, chain) == ["molecules"]
    values["modes"]["pseudolabels"] = {"replay": {"labels": "parent", "system": "foundation", "structures": 30}}
    config = foundation(recipe="mace-mp-0/molecules.pbe0-d3.n*.pseudolabels", values=[10])
    for text in (str(chain), "mace-mp-0/molecules.pbe0-d3.n10.pseudolabels"):
        found = replayed(config, recipe(text))
        assert found == {"system": "foundation", "structures": 30, "weight": 1.0, "labels": "parent"}
        way = config.modes["pseudolabels"].replay
        assert way.inputs(config, recipe(text)) == {
            "replay": ["results/pools/foundation.extxyz"],
            "replay_split": "results/splits/foundation.json",
        }


@pytest.mark.parametrize(
    ("modes", "chain", "expected"),
    [
        ({}, "molecules.pbe0-d3.n*.lora", "molecules.pbe0-d3.n*.lora after another stage: it adapts a parent model"),
        ({}, "molecules.pbe0-d3.n*.pseudolabels", "after another stage"),
        ({"lora": {"lora": {"rank": 0}}}, "molecules.pbe0-d3.n*", "modes.lora.lora.rank: got 0"),
        ({"r": {"lora": {"rank": 2}, "training": {"accelerate": "cuequivariance"}}}, "other/molecules.pbe0-d3.n*.r",
         "modes.r.lora: got {'rank': 2, 'alpha': 1.0}; valid: a mode with accelerate: none"),
        ({}, "other/molecules.pbe0-d3.n*.pseudolabels", "a system whose structures the foundation model is to label"),
        ({"r": {"replay": {"labels": "parent", "system": "mars"}}}, "other/molecules.pbe0-d3.n*.r",
         "valid: mars to be a system (molecules"),
        ({"r": {"replay": {"system": "mars", "level": "pbe"}}}, "other/molecules.pbe0-d3.n*.r", "mars to be a system"),
        ({"r": {"replay": {"labels": "parent", "system": "foundation", "level": "hf"}}}, "other/molecules.pbe0-d3.n*.r",
         "hf to be a level of foundation"),
        ({"r": {"replay": {"labels": "mine"}}}, "molecules.pbe0-d3.n*", "modes.r.replay.labels: got 'mine'"),
        ({"r": {"replay": {"labels": "parent", "system": "tungsten"}}},
         "molecules.dftb-ptbp.n60/molecules.pbe0-d3.n*.r",
         "W of tungsten to be elements that the stage before knows (H, C, N, O, S, Cl)"),
        ({}, "tungsten.dftb-ptbp.n20+molecules.pbe0-d3.n*",
         "W of tungsten to be elements that molecules, the last part, has (H, C, N, O, S, Cl)"),
        ({}, "molecules.hf.n20+molecules.pbe0-d3.n*", "hf to be a level of molecules (dftb-ptbp"),
        ({}, "mars.hf.n20+molecules.pbe0-d3.n*", "mars to be a system"),
        ({}, "molecules.pbe0-d3.n20+molecules.pbe0-d3.n*", "learns molecules.pbe0-d3 twice"),
        ({}, "molecules.dftb-ptbp.n99999+molecules.pbe0-d3.n*", "at most 5200"),
    ],
)  # fmt: skip
def test_ways_that_do_not_fit_are_refused(values, foundation, modes, chain, expected):
    values["modes"] |= modes
    with pytest.raises(InputError) as caught:
        foundation(recipe=chain, values=[10])
    _, *lines = str(caught.value).splitlines()
    assert expected in str(caught.value) and len(lines) == 1


def test_a_part_of_energies_alone_from_which_nothing_is_learned(values, foundation):
    values["systems"]["molecules"]["levels"]["ccsdt"]["forces_key"] = None
    values["modes"]["f"] = {"training": {"energy_weight": 0}}
    with pytest.raises(InputError, match=r"molecules\.ccsdt\.n5 to learn something"):
        foundation(recipe="molecules.ccsdt.n5+molecules.pbe0-d3.n*.f", values=[10])


def test_a_joint_stage_is_tested_as_its_last_part(foundation):
    text = "molecules.dftb-ptbp.n*+molecules.pbe0-d3.n20"
    config = foundation(recipe=text, values=[10, 3000])
    assert config.target_of("one") == ("molecules", ["pbe0-d3"])
    assert [one.parts[0].size for one in config.recipes_of("one")[1].stages] == [3000]
    assert low_level(config, "one") == "dftb-ptbp"
    assert foundation(recipe=f"other/{text}", values=[10])


def test_difference_level_is_tested_against_the_high_one(foundation):
    config = foundation(recipe="molecules.pbe0-d3~dftb-ptbp.n*", values=[10])
    assert config.target_of("one") == ("molecules", ["pbe0-d3", "dftb-ptbp"])
    config = foundation(recipe="molecules.pbe0-d3~dftb-ptbp.n*", values=[10], test="molecules.ccsdt")
    assert config.target_of("one") == ("molecules", ["ccsdt", "dftb-ptbp"])
    with pytest.raises(InputError, match="a system with the level gfn1-xtb"):
        foundation(recipe="molecules.pbe0-d3~gfn1-xtb.n*", values=[10], test="foundation.wb97m-d3")


def test_best_epoch_needs_snapshots_and_their_fine_tunings(values, foundation):
    """The chosen model of the middle stage is the parent of the last one."""
    values["snapshots"] = [2, 8]
    chain = "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n40/molecules.ccsdt.n*"
    config = foundation(recipe=chain, values=[5, 10])
    assert {str(one) for one in config.models["tiny"]} == {
        "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n40/molecules.ccsdt.n5",
        "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n40/molecules.ccsdt.n10",
        "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n40",
        "molecules.dftb-ptbp.n60.e2/molecules.pbe0-d3.n40",
        "molecules.dftb-ptbp.n60.e8/molecules.pbe0-d3.n40",
        "molecules.dftb-ptbp.n60.e2",
        "molecules.dftb-ptbp.n60.e8",
    }
    assert config.snapshots_of("tiny", recipe("molecules.dftb-ptbp.n60")) == [2, 8]
    assert not config.wants_best("tiny", recipe("molecules.dftb-ptbp.n60"))


def test_snapshots_are_collected_from_all_curves(values):
    curve = copy.deepcopy(values["curves"]["mftl"])
    curve |= {"recipe": "molecules.dftb-ptbp.n5000.e*/molecules.pbe0-d3.n50", "values": [2, 4]}
    values["curves"] = {"epochs": curve}
    values["figures"], values["export"] = {}, []
    config = checks.load(values, ROOT)
    trained = recipe("molecules.dftb-ptbp.n5000")
    assert config.snapshots_of("tiny", trained) == [2, 4]
    assert not config.wants_best("tiny", trained)
    assert config.wants_best("tiny", recipe("molecules.dftb-ptbp.n5000.e2/molecules.pbe0-d3.n50"))


@pytest.mark.parametrize("curve", ["nobody", "low-level-small", "raw"])
def test_only_curves_of_models_that_were_validated_are_exported(values, curve):
    values["foundation_models"] = {"start": "config.yaml"}
    values["curves"]["raw"] = {"label": "raw", "recipe": "start", "test": "molecules.pbe0-d3"}
    values["export"] = ["delta", curve]
    assert f"export.1: got '{curve}'; valid: a curve of trained models, none of snapshots" in mistakes(values)


def test_models_of_comparisons_are_trained(values):
    """A comparison's model needs no curve: it, its parents and its snapshot are known all the same."""
    values["curves"], values["figures"], values["export"] = {}, {"fig2": values["figures"]["fig2"]}, []
    config = checks.load(values, ROOT)
    assert config.models == {"tiny": {recipe("foundation.wb97m-d3.n1600.e16")}}
    assert config.snapshots_of("tiny", recipe("foundation.wb97m-d3.n1600")) == [16]
    values["foundation_models"] = {"mace": "README.md"}
    values["figures"]["fig2"]["model"] = "mace"
    assert checks.load(values, ROOT).models == {}


def test_a_role_has_one_colour_in_all_figures(values):
    values["curves"]["new"] = {"label": "new", "recipe": "molecules.pbe0-d3.n*", "values": [25]}
    values["plot"] = {"colors": {"triple": "#000000", "hero": "#123456"}}
    values["curves"]["foundation"]["role"] = "hero"
    config = checks.load(values, ROOT)
    assert config.look_of("epochs-large") == config.look_of("mftl") == config.role_look("mftl")
    assert config.look_of("ccsdt-triple")["color"] == "#000000"
    assert config.look_of("foundation")["color"] == "#123456"
    assert config.look_of("new")["color"] not in {
        config.look_of(name)["color"] for name in config.curves if name != "new"
    }


def test_the_low_level_of_a_curve(values):
    config = checks.load(values, ROOT)
    assert low_level(config, "mftl-gfn2") == "gfn2-xtb"
    assert low_level(config, "ccsdt-triple") == "dftb-ptbp"
    # another system, the level itself, a difference
    assert [low_level(config, name) for name in ("foundation", "single-fidelity", "delta")] == [None] * 3


def test_what_is_only_tested_on_cannot_be_trained_on(values):
    """Of 2000 structures labelled with PBE0-D3, 50 are of water; of 6000 with DFTB, 150."""
    config = checks.load(values, ROOT)
    assert available(config, "molecules", "pbe0-d3", ROOT) == 1200
    assert available(config, "molecules", "dftb-ptbp", ROOT) == 5200
    values["systems"]["molecules"]["split"]["test_only"] = {"molecule": ["water"]}
    config = checks.load(values, ROOT)
    assert available(config, "molecules", "pbe0-d3", ROOT) == 1150
    assert available(config, "molecules", "dftb-ptbp", ROOT) == 5200 - 150


@pytest.mark.parametrize(
    ("system", "level", "file", "first"),
    [
        ("molecules", "pbe0-d3", "molecules.extxyz.xz", None),
        ("tungsten", "dftb-ptbp", "tungsten.extxyz.xz", None),
        ("methanol", "pbe", "methanol.extxyz.xz", "methanol-02231"),
        ("methanol_oh", "ccsdt", "methanol_oh.extxyz.xz", "methanol-O-H-000"),
    ],
)
def test_generated_pools_are_counted_like_those_that_ship(values, system, level, file, first):
    """What is left out is not known before; how many there are is, and of those to train on a bound."""
    made = read("config/reference.yaml")["systems"][system]
    own = values["systems"].get(system, made)
    own["split"] = own.get("split", {"level": level}) | {"test": 10, "validation": 5}
    molecules = system != "tungsten"

    def known(pool):
        values["systems"][system] = own | {"pool": pool}
        config = checks.load(values, ROOT)
        pool = config.systems[system].pool
        return {
            "available": available(config, system, level, ROOT),
            "size": pool.size(ROOT),
            "info": pool.info("molecule" if molecules else "kind", ROOT),
            "ids": pool.ids(ROOT),
            "crystal": pool.first(periodic=True, root=ROOT),
            "molecule": pool.first(periodic=False, root=ROOT),
        }

    shipped, generated = known({"file": f"resources/{system}/{file}"}), known(made["pool"])
    assert generated["molecule" if molecules else "crystal"] == first
    if first is None:
        assert generated["ids"] is None
        assert shipped["available"] <= generated["available"] <= shipped["available"] + 15
        unknown = dict.fromkeys(key for key in generated if generated[key] is None)
        shipped |= {**unknown, "available": generated["available"]}
    assert generated == shipped
