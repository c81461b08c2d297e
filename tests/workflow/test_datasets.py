"""From a data set's files to pool and labels, and what is planned before any file is there."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from ase.build import molecule
from calls import copy_project, run

from mftl.catalogue import DATASETS, FILES
from mftl.downloads import checksum_of
from mftl.structures import read_labelled


def configuration(**more) -> dict:
    system = {
        "elements": ["H", "C"],
        "pool": {"dataset": "qm7x", "count": 60, "seed": 3},
        "levels": {
            "pbe0-mbd": {"dataset": "qm7x"},
            "gfn1": {"engine": "tblite", "method": "GFN1-xTB", "first": 40, "chunk_size": 15},
        },
        "split": {"level": "pbe0-mbd", "test": 10, "validation": 10},
    }
    curve = {"label": "MFTL", "recipe": "qm7x.gfn1.n20.e2/qm7x.pbe0-mbd.n*", "values": [10, 40]}
    curves = {"mftl": curve, "off": {"label": "OFF", "recipe": "off/qm7x.pbe0-mbd.n*", "values": [10]}}
    return {
        "systems": {"qm7x": system},
        "downloads": {"folder": "by-hand"},
        "foundation_models": {"off": {"download": "mace-off23-small"}},
        "curves": curves,
        "figures": {"fig4": {"kind": "learning-curves", "curves": ["mftl", "off"]}},
    } | more


@pytest.fixture
def project(tmp_path):
    folder = copy_project(tmp_path)
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration()))
    return folder


def test_all_is_planned_before_anything_is_downloaded(project):
    done = run(project, "-n", "results/fig4.pdf")
    assert done.returncode == 0, done.stderr
    jobs = re.findall(r"^(\w+) +(\d+)$", done.stdout.split("Job stats:")[1].split("total")[0], re.MULTILINE)
    wanted = {"download": 10, "load_dataset": 1, "label_chunk": 3, "foundation_model": 1, "train": 3 * 4, "predict": 2}
    assert wanted.items() <= {name: int(count) for name, count in jobs}.items()
    values = configuration()
    values["curves"]["mftl"]["values"] = [41]
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    assert "curves.mftl.values: got 41; valid: at most 40" in run(project, "-n").stdout


def test_files_placed_by_hand_become_pool_and_labels(project, write_qm7x):
    steps = ["opt", *map(str, range(1, 21))]
    written = write_qm7x(
        project / "by-hand" / "qm7x",
        {
            str(i): {f"Geom-m{i}-i1-c1-{step}": molecule(name) for step in steps}
            for i, name in enumerate(["CH4", "CH2_s1A1d", "C2H2", "C2H4", "C2H6", "C3H4_D2d", "C3H6_D3h", "C3H8"], 1)
        },
    )
    names = DATASETS["qm7x"].files
    assert [project / "by-hand" / FILES[name].path for name in names] == written
    # what was placed there is checked
    done = run(project, "results/downloads/qm7x-1000.json")
    assert done.returncode != 0
    assert "md5:b50c6a5d0a4493c274368cf22285503e is expected" in done.stderr and "Traceback" not in done.stderr
    pinned = {name: checksum_of(path) for name, path in zip(names, written, strict=True)}
    values = configuration(downloads={"folder": "by-hand", "checksums": pinned})
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    done = run(project, "results/labels/qm7x/pbe0-mbd.extxyz", "results/splits/qm7x.json")
    assert done.returncode == 0, done.stderr
    labels = read_labelled(project / "results/labels/qm7x/pbe0-mbd.extxyz")
    assert len(labels) == 60 and len({a.info["molecule"] for a in labels}) > 4
    assert all(np.allclose(a.arrays["REF_forces"], a.arrays["REF_forces"][0]) for a in labels)
    states = pd.read_csv(project / "results/labels/qm7x/pbe0-mbd.csv")
    assert (states["state"] == "done").all() and list(states["id"]) == [a.info["id"] for a in labels]
    receipt = (project / "results/downloads/qm7x-1000.json").read_text()
    assert "CC BY 4.0" in receipt and "by-hand/qm7x/1000.xz" in receipt and pinned["qm7x-1000"] in receipt
    # an engine labels the same pool
    done = run(project, "results/labels/qm7x/gfn1.extxyz")
    assert done.returncode == 0, done.stderr
    assert list(pd.read_csv(project / "results/labels/qm7x/gfn1.csv")["id"]) == list(states["id"][:40])
    # a second call does nothing
    assert "Nothing to be done" in run(project, "-n", "results/labels/qm7x/pbe0-mbd.extxyz").stdout
