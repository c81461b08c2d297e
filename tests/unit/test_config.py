"""The configuration: what is wrong is named with its path, the value given and what would be valid."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from snakemake.utils import update_config

from mftl import checks, configdocs
from mftl.inputs import InputError

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([ROOT / "config.yaml", *(ROOT / "config").glob("*.yaml")])
SHIPPED.remove(ROOT / "config" / "defaults.yaml")
SHIPPED.remove(ROOT / "config" / "own.yaml")  # asks for the user's file: see test_own_structures
SHIPPED.remove(ROOT / "config" / "check-real.yaml")  # asks for a folder: see test_a_folder_of_data


@pytest.fixture
def values():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def mistakes(values) -> str:
    with pytest.raises(InputError) as caught:
        checks.load(values, ROOT)
    return str(caught.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_configurations_are_valid(path):
    values = yaml.safe_load(path.read_text())
    if "systems" not in values:  # as the Snakefile does
        base = yaml.safe_load((ROOT / "config.yaml").read_text())
        update_config(base, values)
        values = base
    checks.load(values, ROOT)
    jsonschema.validate(values, json.loads((ROOT / "config" / "schema.json").read_text()))


def test_own_structures(tmp_path):
    """config/own.yaml is valid once the user's file is there; until then the message names it."""
    values = yaml.safe_load((ROOT / "config" / "own.yaml").read_text())
    with pytest.raises(InputError) as caught:
        checks.load(values, tmp_path)
    assert "systems.own.pool.file: got 'own.xyz'; valid: a file that exists" in str(caught.value)
    source = (ROOT / "resources/molecules/molecules.dftb-ptbp.extxyz").read_text()
    (tmp_path / "own.xyz").write_text(source)
    checks.load(values, tmp_path)


def test_a_folder_of_data(tmp_path):
    """config/check-real.yaml takes its files from a folder given with the call."""
    values = yaml.safe_load((ROOT / "config" / "check-real.yaml").read_text())
    with pytest.raises(InputError, match=r"data: got None; valid: a folder, since systems.qm7x.pool.file is {data}/"):
        checks.parse(values)
    with pytest.raises(InputError, match=f"systems.qm7x.pool.file: got '{tmp_path}/qm7x/qm7x_2500.xyz'"):
        checks.load(values | {"data": str(tmp_path)}, ROOT)
    config = checks.parse(values | {"data": "/folder"})
    assert config.systems["tungsten"].levels["pbe"].file == "/folder/tungsten/tungsten_gap2014.xyz.xz"


def test_paper_plans_without_its_data():
    """How much there is to train on is known before anything is downloaded."""
    values = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    config = checks.load(values, ROOT)
    assert checks.pool_size(config.systems["qm7x"]) == 150000
    assert checks.available(config, "qm7x", "pbe0-mbd~dftb-ptbp", ROOT) == 95000
    assert checks.available(config, "tungsten", "pbe", ROOT) == 9693 - 2000
    assert checks.available(config, "small-molecules", "ccsdt", ROOT) == 3000
    assert checks.first_periodic(config.systems["tungsten"]) and not checks.first_periodic(config.systems["qm7x"])
    values["curves"]["single"]["values"] = [3001]
    values["systems"]["qm7x"]["levels"]["dftb-ptbp"]["first"] = 40000
    values["systems"]["small-molecules"]["levels"]["ccsdt"]["dataset"] = "qm7x"
    values["systems"]["tungsten"]["pool"]["count"] = 10000
    values["systems"]["qm7x"]["pool"]["dataset"] = "qm7x"
    message = mistakes(values)
    for part in (
        "curves.single.values: got 3001; valid: at most 3000 structures of small-molecules at ccsdt",
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


def test_commented_defaults_are_the_defaults():
    """The documented sections, read back, are what an empty section gives."""
    documented = yaml.safe_load((ROOT / "config" / "defaults.yaml").read_text())
    fields = configdocs.config.Config.model_fields
    for section in configdocs.SECTIONS:
        assert documented[section] == fields[section].default.model_dump()


@pytest.mark.parametrize(
    ("keys", "value", "expected"),
    [
        (["trainig"], {}, ["trainig: got {}", "no such key", "training"]),
        (["training", "learning_rat"], 0.1, ["training.learning_rat: got 0.1", "learning_rate"]),
        (["seeds"], "3", ["seeds: got '3'", "valid integer"]),
        (["seeds"], 0, ["seeds: got 0", "greater than 0"]),
        (["systems", "molecules", "split", "test"], "many", ["systems.molecules.split.test: got 'many'"]),
        (["systems", "molecules", "split", "level"], "pbe", ["systems.molecules.split.level: got 'pbe'", "pbe0-d3"]),
        (["systems", "molecules", "elements"], ["h"], ["systems.molecules.elements.0: got 'h'"]),
        (["systems", "molecules", "pool", "file"], "no.xyz", ["systems.molecules.pool.file: got 'no.xyz'", "exists"]),
        (["systems", "molecules", "pool"], {"generator": "x"}, ["systems.molecules.pool.generator: got 'x'"]),
        (["systems", "molecules", "pool"], {"dataset": "qm9"}, ["systems.molecules.pool.dataset: got 'qm9'", "qm7x"]),
        (["systems", "molecules", "pool"], {"file": "resources/molecules/molecules.extxyz", "count": 9999},
         ["pool.count: got 9999; valid: at most 4000"]),
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
        (["curves", "mftl", "recipe"], "tungsten.pbe.n*", ["curves.mftl.recipe", "tungsten to be a system"]),
        (["curves", "mftl", "recipe"], "molecules.pbe0-d3.n*.slow", ["curves.mftl.recipe", "slow to be a mode"]),
        (["curves", "mftl", "recipe"], "mace-off/molecules.pbe0-d3.n*", ["curves.mftl.recipe", "foundation_models"]),
        (["curves", "mftl", "recipe"], "molecules.dftb-ptbp.n9999/molecules.pbe0-d3.n*",
         ["curves.mftl.recipe", "at most 3496 structures of molecules at dftb-ptbp"]),
        (["curves", "mftl", "values"], [25, 501], ["curves.mftl.values: got 501", "at most 500 structures"]),
        (["curves", "mftl", "architecture"], "huge", ["curves.mftl.architecture: got 'huge'", "tiny"]),
        (["figures", "fig4", "curves"], ["mtfl"], ["figures.fig4.curves.0: got 'mtfl'", "mftl"]),
        (["figures", "fig4", "kind"], "pie", ["figures.fig4.kind: got 'pie'", "learning-curves"]),
        (["systems", "molecules", "split", "test"], 950, ["950 test", "1000 are labelled"]),
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


def test_snapshots_are_collected_from_all_curves(values):
    from mftl.recipe import parse

    curve = copy.deepcopy(values["curves"]["mftl"])
    curve |= {"recipe": "molecules.dftb-ptbp.n3000.e*/molecules.pbe0-d3.n50", "values": [2, 4]}
    values["curves"] = {"epochs": curve}
    values["figures"] = {}
    config = checks.load(values, ROOT)
    trained = parse("molecules.dftb-ptbp.n3000")
    assert config.snapshots_of("tiny", trained) == [2, 4]
    assert not config.wants_best("tiny", trained)
    assert config.wants_best("tiny", parse("molecules.dftb-ptbp.n3000.e2/molecules.pbe0-d3.n50"))
