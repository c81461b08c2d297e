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
        (["systems", "molecules", "pool"], {"generator": "x"},
         ["systems.molecules.pool: got {'generator': 'x'}", "normal-modes", "crystals"]),
        (["systems", "tungsten", "pool"], {"generator": "crystals", "name": "w", "elements": "W"},
         ["systems.tungsten.pool.element: got None; valid: this key", "systems.tungsten.pool.elements: got 'W'"]),
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
         ["curves.mftl.recipe", "at most 3496 structures of molecules at dftb-ptbp"]),
        (["curves", "mftl", "values"], [25, 501], ["curves.mftl.values: got 501", "at most 500 structures"]),
        (["curves", "mftl", "architecture"], "huge", ["curves.mftl.architecture: got 'huge'", "tiny"]),
        (["figures", "fig4", "curves"], ["mtfl"], ["figures.fig4.curves.0: got 'mtfl'", "mftl"]),
        (["figures", "fig4", "kind"], "pie", ["figures.fig4.kind: got 'pie'", "learning-curves"]),
        (["systems", "molecules", "split", "test"], 950, ["950 test", "1000 are labelled"]),
        (["systems", "molecules", "split", "test_only"], {"molecule": ["watr"]},
         ["systems.molecules: split.test_only: no structure of the pool has molecule=watr"]),
        (["systems", "molecules", "split", "test_only"], ["water"], ["systems.molecules.split.test_only: got"]),
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


def test_what_is_only_tested_on_cannot_be_trained_on(values):
    """Of 1000 structures labelled with PBE0-D3, 25 are of water; of 3995 with DFTB, 100."""
    config = checks.load(values, ROOT)
    assert checks.available(config, "molecules", "pbe0-d3", ROOT) == 500
    assert checks.available(config, "molecules", "dftb-ptbp", ROOT) == 3496
    values["systems"]["molecules"]["split"]["test_only"] = {"molecule": ["water"]}
    config = checks.load(values, ROOT)
    assert checks.available(config, "molecules", "pbe0-d3", ROOT) == 475
    assert checks.available(config, "molecules", "dftb-ptbp", ROOT) == 3496 - 100


@pytest.mark.parametrize(("system", "level"), [("molecules", "pbe0-d3"), ("tungsten", "pbe")])
def test_generated_pools_are_counted_like_those_that_ship(values, system, level):
    generated = yaml.safe_load((ROOT / "config" / "reference.yaml").read_text())["systems"][system]["pool"]
    shipped = values["systems"][system]["pool"]
    values["systems"][system]["split"] |= {"test": 10, "validation": 5}

    def known(pool):
        values["systems"][system]["pool"] = pool
        config = checks.load(values, ROOT)
        own = config.systems[system]
        return {
            "available": checks.available(config, system, level, ROOT),
            "ids": checks.pool_ids(own, ROOT),
            "info": checks.pool_info(own, {"molecules": "molecule", "tungsten": "kind"}[system], ROOT),
            "crystal": checks.first_periodic(own, ROOT),
            "molecule": checks.first_periodic(own, ROOT, periodic=False),
        }

    assert known(shipped) == known(generated)
    assert known(shipped)["crystal"] == {"molecules": None, "tungsten": "tungsten-0000"}[system]
    assert known(shipped)["molecule"] == {"molecules": "methane-0000", "tungsten": None}[system]
