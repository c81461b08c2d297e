"""Advice from a tiny pilot: what a user's file and some labels come to, and a configuration that is planned."""

import json

import pandas as pd
import yaml
from calls import MIXED, ROOT, TINY, copy_project, planned, run, succeed

from mftl.structures import Structures, write_structures

MADE = [f"results/advice/mixed.{ending}" for ending in ("pdf", "png", "csv", "md", "yaml")]
RETURNED = {"outputs": ["labels.extxyz"], "energy_key": "REF_energy", "forces_key": "REF_forces"}
CONFIGURATION = TINY | {
    "labels": {"workers": 1},
    "systems": {"mixed": MIXED | {"levels": {"low": {"engine": "tblite"}, "high": RETURNED}}},
    "cost": {"label_seconds": {"mixed.high": 36.0}},
    "advice": {
        "system": "mixed",
        "level": "high",
        "cheap": ["low"],
        "sizes": [4, 8, 12],
        "pretraining": 20,
        "epochs": 1,
        "wanted": {"forces": 1.0},
        "budget": 10.0,
        "next": 5,
    },
}


def test_advice_of_a_tiny_pilot(tmp_path):
    folder = copy_project(tmp_path / "project", CONFIGURATION)
    every = Structures(ROOT / "resources/molecules/molecules.extxyz.xz")
    labels = Structures.labelled(ROOT / "resources/molecules/molecules.pbe0-d3.extxyz.xz")
    labelled = [labels.at(i) for i in range(0, len(labels), len(labels) // 24)]
    known = {atoms.info["id"] for atoms in labelled}
    others = [every.at(i) for i in range(0, len(every), 100) if every.ids[i] not in known]
    write_structures(folder / "labels.extxyz", labelled)
    write_structures(folder / "mixed.extxyz", [every[one] for one in sorted(known)] + others)
    jobs = planned(folder, "advice")
    # scratch, MFTL, Δ at three sizes; a larger model at one; two pre-trainings
    assert jobs["train"] == 3 * 3 + 1 + 2 and jobs["predict"] == 4 and jobs["select"] == 1
    # what it would cost: all jobs of it, that which advises with them
    said = succeed(folder, "-c1", "cost")
    rules = pd.read_csv(folder / "results/cost.csv").set_index("rule")["jobs"].to_dict()
    assert rules == {rule: count for rule, count in jobs.items() if rule != "advice"} | {"all": rules["all"]}
    assert rules["advise"] == rules["draw_advice"] == 1 and "| results/advice/mixed.pdf |" in said
    succeed(folder, "-c1", "advice")
    assert all((folder / one).stat().st_size > 100 for one in MADE)
    numbers = pd.read_csv(folder / MADE[2])
    assert set(numbers["labels"]) == {4, 8, 12, 24, 48} and len(numbers) == 2 * (3 * (3 + 2) + 1)
    text = (folder / MADE[3]).read_text()
    for part in (
        "# Advice for mixed at high",
        "pre-training at low",
        "One seed",
        "10 CPU hours pay for",
        "\n5 structures",
    ):
        assert part in text
    assert planned(folder, "advice") == {}
    # what is written runs as it is, and goes on from the pilot's models: one size more, of one or two curves
    count = len(labelled) - 6 - 4
    advised = yaml.safe_load((folder / MADE[4]).read_text())
    assert all(curve["values"] == [4, 8, 12, count] for curve in advised["curves"].values())
    goal = ("--configfile", MADE[4], "--", "results/advised.pdf", "results/best/advised/model.pt")
    jobs = planned(folder, *goal)
    larger = any(name.endswith("twice-the-channels") for name in advised["architectures"])
    assert jobs["train"] > len(advised["curves"]) if larger else jobs["train"] == len(advised["curves"])
    assert "label_chunk" not in jobs
    # fewer labels than the pilot needs
    changed = json.loads(json.dumps(CONFIGURATION))
    changed["advice"]["sizes"] = [4, 8, 60]
    (folder / "config.yaml").write_text(json.dumps(changed))
    done = run(folder, "-n", "advice")
    assert (
        done.returncode and f"advice.sizes: got [4, 8, 60]; valid: at most {count} labels" in done.stdout + done.stderr
    )


def test_without_a_section_there_is_no_advice(tmp_path):
    folder = copy_project(tmp_path / "project")
    done = run(folder, "-n", "advice")
    assert done.returncode and "advice: got None; valid: a section with system and level" in done.stdout + done.stderr
