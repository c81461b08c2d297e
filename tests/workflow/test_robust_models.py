"""Robustness of the smallest models: a curve with a parent, then a model file alone; pages, and what is planned."""

import shutil

import pandas as pd
import pytest
import yaml
from calls import MIXED, ROOT, TINY, copy_project, planned, run, succeed

from mftl.structures import Structures, write_structures

LABELS = "resources/molecules/molecules"
CONFIGURATION = TINY | {
    "systems": {"mixed": MIXED | {"levels": {"low": {"file": "low.extxyz"}, "high": {"file": "mixed.extxyz"}}}},
    "curves": {"tuned": {"label": "Tuned", "recipe": "mixed.low.n12.e1/mixed.high.n*", "values": [6, 10]}},
    "export": ["tuned"],
    "robustness": {"compositions": ["H2O", "CH4"], "structures": 3, "replicas": 3, "length": 0.01},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("robustness") / "project", CONFIGURATION)
    high, low = (Structures.labelled(ROOT / f"{LABELS}.{level}.extxyz.xz") for level in ("pbe0-d3", "dftb-ptbp"))
    ids = [one for one in high.ids[:: len(high) // 24] if one in low]
    write_structures(folder / "mixed.extxyz", [high[one] for one in ids])
    write_structures(folder / "low.extxyz", [low[one] for one in ids])
    return folder


def test_a_curve_with_a_parent(folder):
    made = [f"results/robustness/tuned.{ending}" for ending in ("md", "pdf", "png", "csv")]
    jobs = planned(folder, "robustness")
    # the largest value alone, and its parent
    assert (jobs["train"], jobs["predict"], jobs["dynamics"]) == (2, 2, 1)
    assert (jobs["measure"], jobs["evaluate"], jobs["judge_robustness"]) == (2, 3, 1)
    assert not {"judge_robustness", "dynamics"} & planned(folder, "export").keys()
    succeed(folder, "-c1", "robustness")
    assert all((folder / one).stat().st_size > 100 for one in made)
    table = pd.read_csv(folder / made[3]).set_index("question")
    assert set(table.index) == {"forgetting", "dimers", "structure-search", "simulations"}
    assert len(table.loc["dimers"]) == 21 and len(table.loc["structure-search"]) == 3
    assert table["verdict"].dropna().isin(["passes", "fails", "cannot be told"]).all()
    text = (folder / made[0]).read_text()
    for part in ("# Robustness of tuned", "(tuned.png)", "`mixed.low.n12.e1`", "one seed", "3 simulations"):
        assert part in text
    assert planned(folder, "robustness") == {}


def test_a_model_file_of_ones_own(folder):
    trained = "results/models/tiny/mixed.low.n12.e1/mixed.high.n10/seed-1/model.pt"
    shutil.copy(folder / trained, folder / "mine.model")
    values = {key: value for key, value in CONFIGURATION.items() if key in ("seeds", "systems")}
    own = CONFIGURATION["robustness"] | {"model": "mine", "system": "mixed", "elements": ["H", "O"]}
    (folder / "mine.yaml").write_text(
        yaml.safe_dump(values | {"foundation_models": {"mine": "mine.model"}, "robustness": own})
    )
    call = ("--configfile", "mine.yaml", "--", "robustness")
    jobs = planned(folder, *call)
    assert "train" not in jobs and "predict" not in jobs and jobs["measure"] == 2
    succeed(folder, "-c1", *call)
    text = (folder / "results/robustness/mine.md").read_text()
    assert "ot asked: what was forgotten" in text
    assert "no model is known that it started from" in text and "one seed" in text
    table = pd.read_csv(folder / "results/robustness/mine.csv").set_index("question")
    assert len(table.loc["dimers"]) == 3 and table.loc["forgetting", "verdict"] == "not asked"
    # what it tells of the same model is what the curve's page tells of it
    both = [pd.read_csv(folder / f"results/dimers/robustness/{one}.csv") for one in ("tuned", "mine")]
    same = both[1].merge(both[0], on=["pair", "distance_A"])
    assert len(same) == 3 * 40 and same["energy_eV_x"].to_numpy() == pytest.approx(same["energy_eV_y"], abs=1e-4)


def test_without_a_section_the_call_says_what_to_write(tmp_path):
    folder = copy_project(tmp_path / "project")
    done = run(folder, "-n", "robustness")
    said = done.stdout + done.stderr
    assert done.returncode and "robustness: got None; valid: a section; {} tests the curves of `export`" in said
