"""Records of how results were made, what they notice, and what they say to cite."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from mftl import catalogue, citations, engines, modes, pools, provenance
from mftl.config.selections import FeaturesName, RuleName, Selection
from mftl.inputs import InputError

BIBLIOGRAPHY = Path("resources/citations.bib").read_text(encoding="utf-8")
CHOOSING = {"holzmuller2023", "sener2018", "vinod2025", "bigi2024"}
KEYS = set(re.findall(r"^@\w+\{([^,]+),", BIBLIOGRAPHY, flags=re.MULTILINE))


class Named(list):
    """What Snakemake gives a script as input, output, params and wildcards."""

    def __init__(self, **named):
        super().__init__(named.values())
        self.named = named

    def items(self):
        return self.named.items()


def run(rule: str, inputs: dict, outputs: dict, params: dict | None = None, wildcards: dict | None = None) -> dict:
    """A job that writes its name into its outputs; its record."""
    snakemake = SimpleNamespace(
        rule=rule,
        input=Named(**inputs),
        output=Named(**outputs),
        params=Named(**(params or {})),
        wildcards=Named(**(wildcards or {})),
        threads=1,
    )
    record = provenance.begin(snakemake)
    for path in outputs.values():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(rule)
    provenance.finish(record, snakemake)
    return provenance.Records().of(next(iter(outputs.values())))


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """Labels computed by an engine, and a model trained on them."""
    monkeypatch.chdir(tmp_path)
    level = {"engine": "tblite", "method": "GFN2-xTB"}
    labels = {"labels": "results/labels/m/gfn2.extxyz", "states": "results/labels/m/gfn2.csv"}
    run("label_chunk", {}, labels, {"level": level})
    model = {"model": "results/models/a/seed-2/model.pt", "card": "results/models/a/seed-2/model.json"}
    settings = {"learning_rate": 0.1, "layer_decay": 0.2}
    record = run("train", {"labels": labels["labels"]}, model, {"settings": settings}, {"recipe": "a", "seed": "2"})
    return SimpleNamespace(labels=labels, model=model, record=record)


def test_a_record_tells_what_went_in(chain):
    record = chain.record
    assert (record["rule"], record["wildcards"]["recipe"], record["seeds"]) == ("train", "a", [2])
    assert record["params"]["settings"]["learning_rate"] == 0.1
    assert record["inputs"] == {chain.labels["labels"]: provenance.checksum(chain.labels["labels"])}
    assert record["versions"]["python"] == sys.version.split()[0] and record["versions"]["mftl"]
    assert record["start"] <= record["end"] and record["host"]["name"]
    # one record for all files of a folder, found by each of them
    assert provenance.Records().of(chain.model["card"]) == record
    assert [path.name for path in Path("results/models").rglob("*.provenance.json")] == ["model.pt.provenance.json"]


def test_a_committee_has_the_seeds_of_its_models(chain):
    events = {"events": "results/dynamics/hot/tiny/a/seed-1-3/events.csv"}
    record = run("dynamics", chain.model, events, {"protocol": {"seed": 7, "bond_deviation": None, "ensemble": "nvt"}},
                 {"seed": "1-3"})  # fmt: skip
    assert record["seeds"] == [1, 2, 3, 7]


def test_what_to_cite_comes_down_the_chain(chain):
    assert {"cui2025", "molder2021", "tblite", "bannwarth2019", "zaverkin2023"} <= set(chain.record["cite"])
    labels = provenance.Records().of(chain.labels["labels"])
    assert "zaverkin2023" not in labels["cite"]
    assert labels["versions"]["tblite"] == engines.engine("tblite").version(None)


@pytest.mark.parametrize("which", ["labels", "states"])
def test_a_result_that_was_cut_short_is_no_input(chain, which):
    path = chain.labels[which]
    Path(path).write_text("label_ch")
    with pytest.raises(InputError, match=f"{path} is not what the rule label_chunk wrote.*Remove it and call again"):
        run("train", {"labels": path}, chain.model)
    # whoever means it removes the record
    provenance.Records().place(path).unlink()
    assert run("train", {"labels": path}, chain.model)["inputs"][path] == provenance.checksum(path)


def test_a_job_that_fails_leaves_no_record(chain):
    place = provenance.Records().place(chain.model["model"])
    Path(chain.labels["labels"]).write_text("")
    with pytest.raises(InputError):
        run("train", chain.labels, chain.model)
    assert not place.exists()


def test_all_records_make_a_table(chain):
    Path(chain.model["card"]).write_text("edited")
    Path(chain.labels["states"]).unlink()
    (Path("results") / "broken.provenance.json").write_text("{")
    rows = {one["rule"]: provenance.row(one) for one in provenance.collect("results")}
    assert rows.keys() == {"label_chunk", "train"}
    assert (rows["label_chunk"]["state"], rows["train"]["state"]) == ("gone", "changed")
    assert rows["train"]["recipe"] == "a" and rows["train"]["seeds"] == "2"
    assert json.loads(rows["train"]["params"])["settings"]["layer_decay"] == 0.2


def test_the_commit_is_that_of_the_code():
    inside = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    if inside.returncode:
        pytest.skip("not in a git repository")
    assert provenance.commit().removesuffix("-dirty") in inside.stdout


def test_every_key_has_an_entry():
    used = {*citations.ALWAYS, *citations.PACKAGES.values(), *citations.SOURCES.values()}
    plugs = [*map(engines.engine, engines.sections()), *pools.sections().values(), *modes.sections().values()]
    cited = [getattr(plug, "CITE", ()) for plug in plugs]
    chosen = [*citations.RULES.values(), *citations.FEATURES.values()]
    for keys in [*cited, *chosen, *citations.METHODS.values(), *citations.SHIPPED.values()]:
        used.update(keys)
    assert used <= KEYS
    assert used | {"zaverkin2023", "rocken2025", "fu2023", "leimkuhler2013"} >= KEYS  # none that is never used
    assert len(KEYS) == BIBLIOGRAPHY.count("\n@")
    assert citations.bibliography(sorted(KEYS), BIBLIOGRAPHY).count("\n}") == len(KEYS)


def test_every_download_and_engine_is_known():
    for name in [*catalogue.FILES, *catalogue.DATASETS]:
        assert citations.of_job({}, {"download": name}, []) <= KEYS
    assert all(engines.engine(name).CITE for name in engines.sections())
    assert citations.PACKAGES.keys() <= provenance.PACKAGES.keys()


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ({"engine": "dftb+", "slater_koster": "resources/ptbp"}, {"hourahine2020", "cui2024"}),
        ({"engine": "dftb+", "slater_koster": "others"}, {"hourahine2020"}),
        ({"engine": "tblite", "method": "GFN1-xTB"}, {"tblite", "grimme2017"}),
        (
            {"engine": "pyscf-dft", "functional": "pbe0", "basis": "def2-tzvp", "dispersion": "d3bj"},
            {"sun2020", "adamo1999", "weigend2005", "grimme2010", "grimme2011"},
        ),
        (
            {"engine": "pyscf-dft", "functional": "wb97m-d3bj", "basis": "def2-svp", "dispersion": None},
            {"sun2020", "mardirossian2016", "najibi2018", "weigend2005", "grimme2010", "grimme2011"},
        ),
        ({"engine": "pyscf-ccsd(t)", "basis": "cc-pvdz"}, {"sun2020", "raghavachari1989", "dunning1989"}),
        ({"engine": "gpaw", "functional": "PBE"}, {"mortensen2024", "perdew1996"}),
        ({"engine": "stillinger-weber"}, {"thompson2022", "stillinger1985", "ding1986"}),
    ],
    ids=lambda value: value["engine"] if isinstance(value, dict) else "",
)
def test_methods_of_levels(level, expected):
    assert citations.of_job({"level": level}, {}, []) == {*citations.ALWAYS, *expected}


def test_generated_dynamics_and_transfer_between_elements():
    system = {"pool": {"generator": "stillinger-weber-md"}, "elements": ["Ge"]}
    expected = {"thompson2022", "stillinger1985", "ding1986", "rocken2025"}
    assert citations.of_job({"system": system}, {}, []) == {*citations.ALWAYS, *expected}
    assert citations.of_job({"ways": {"elements": {"Ge": "Si"}}}, {}, []) == {*citations.ALWAYS, "rocken2025"}


def test_a_pool_that_an_engine_computes(tmp_path, monkeypatch):
    """Its method and program are cited, and the record has the engine's version, as of labels."""
    monkeypatch.chdir(tmp_path)
    level = {"engine": "tblite", "method": "GFN2-xTB"}
    params = {"system": {"pool": {"generator": "molecule-md", "level": level}, "elements": ["H", "O"]}}
    record = run("build_pool", {}, {"pool": "results/pools/water.extxyz"}, params)
    assert {"tblite", "bannwarth2019", "leimkuhler2013"} <= {*record["cite"]}
    assert record["versions"]["tblite"] == engines.engine("tblite").version(None)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {"holzmuller2023"}),
        ({"rule": "farthest"}, {"sener2018", "holzmuller2023"}),
        ({"rule": "farthest", "features": "last-layer"}, {"sener2018", "bigi2024"}),
        ({"rule": "variance", "features": "forces"}, {"holzmuller2023", "bigi2024"}),
        ({"rule": "low-level-error", "low": "dftb"}, {"vinod2025", "holzmuller2023"}),
        ({"rule": "random"}, set()),
    ],
)
def test_how_structures_were_chosen(chosen, expected, tmp_path, monkeypatch):
    """The rule of a selection and its features, in its own record and in that of a model trained in its order."""
    monkeypatch.chdir(tmp_path)
    known = Selection(system="m", level="high", model="m.low.n9", structures=5, **chosen)
    order = {"order": "results/selections/next/seed-1/order.csv"}
    assert set(citations.RULES) == set(get_args(RuleName)) and set(citations.FEATURES) == set(get_args(FeaturesName))
    record = run("select", {}, order, {"settings": known.model_dump()}, {"selection": "next", "seed": "1"})
    assert {*record["cite"]} & CHOOSING == expected
    model = run("train", order, {"model": "results/models/a/seed-1/model.pt"}, {"settings": {}})
    assert {*model["cite"]} & CHOOSING == expected


def test_criteria_and_integrators_of_simulations():
    protocol = {"bond_deviation": 0.5, "ensemble": "nvt"}
    expected = {*citations.ALWAYS, "rocken2025", "fu2023", "leimkuhler2013"}
    assert citations.of_job({"protocol": protocol}, {}, []) == expected
    liquid = {"bond_deviation": None, "ensemble": "nve"}
    assert citations.of_job({"protocol": liquid}, {}, []) == {*citations.ALWAYS, "rocken2025"}


def test_files_of_others_are_the_users_to_cite(tmp_path, monkeypatch):
    assert "cui2024" in citations.of_file("resources/molecules/molecules.dftb-ptbp.extxyz.xz")
    assert "adamo1999" in citations.of_file("resources/molecules/molecules.pbe0-d3.extxyz.xz")
    assert "perdew1996" in citations.of_file("resources/tungsten/tungsten.pbe.extxyz.xz")
    assert {"sun2020", "perdew1996"} <= {*citations.of_file("resources/ethylene/ethylene.pbe.extxyz.xz")}
    assert "leimkuhler2013" in citations.of_file("resources/methanol/methanol.extxyz.xz")
    monkeypatch.chdir(tmp_path)
    Path("own.extxyz").write_text("")
    assert citations.of_file("own.extxyz") is None
    record = run("collect_labels", {"file": "own.extxyz"}, {"labels": "results/labels/own.extxyz"})
    assert record["cite_yourself"] == ["own.extxyz"]
    text = citations.bibliography(record["cite"], BIBLIOGRAPHY, record["cite_yourself"])
    assert "% own.extxyz: cite where it comes from" in text and "@article{cui2025," in text
    Path("own.bib").write_text("@article{own}")
    record = run("collect_labels", {"file": "own.extxyz"}, {"labels": "results/labels/own.extxyz"})
    assert record["cite_yourself"] == []
    assert "@article{own}" in citations.bibliography(record["cite"], BIBLIOGRAPHY)
