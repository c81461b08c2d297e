"""From a data set's files to pool and labels, and what is planned before any file is there."""

import io
import json
import re
import tarfile

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from ase.build import molecule
from calls import copy_project, run

from mftl.catalogue import DATASETS, FILES
from mftl.downloads import checksum_of
from mftl.structures import Structures, read_labelled


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


def test_two_labels_of_one_data_set_and_arrays_in_an_archive(project):
    """A level with energies alone that few structures have, beside one with forces; rMD17 as its first version came."""
    ani, archive = (project / "by-hand" / name for name in (FILES["ani1x"].path, "rmd17/rmd17.tar.bz2"))
    for path in (ani, archive):
        path.parent.mkdir(parents=True)
    with h5py.File(ani, "w") as file:
        for formula in ("CH4", "C2H6"):
            atoms, group = molecule(formula), file.create_group(formula)
            group["atomic_numbers"] = atoms.numbers.astype(np.uint8)
            group["coordinates"] = np.float32(np.tile(atoms.positions, (60, 1, 1)))
            group["wb97x_dz.energy"], group["wb97x_dz.forces"] = np.full(60, -40.5), np.zeros((60, len(atoms), 3))
            group["ccsd(t)_cbs.energy"] = np.where(np.arange(60) < 20, -40.4, np.nan)
    benzene, buffer = molecule("C6H6"), io.BytesIO()
    frames = {"coords": np.tile(benzene.positions, (50, 1, 1)), "forces": np.zeros((50, 12, 3))}
    energies = {"energies": np.full(50, -145000.0), "old_indices": np.arange(50)}
    np.savez(buffer, nuclear_charges=benzene.numbers, **frames, **energies)
    member = tarfile.TarInfo("rmd17/npz_data/rmd17_benzene.npz")
    member.size = len(buffer.getvalue())
    with tarfile.open(archive, "w:bz2") as file:
        file.addfile(member, io.BytesIO(buffer.getvalue()))
    levels = {level: {"dataset": "ani1x", "labels": level} for level in ("wb97x-dz", "ccsdt-cbs")}
    systems = {
        "ani": {
            "elements": ["H", "C"],
            "pool": {"dataset": "ani1x", "count": 100},
            "levels": levels,
            "split": {"level": "ccsdt-cbs", "test": 10, "validation": 5},
        },
        "benzene": {
            "elements": ["H", "C"],
            "pool": {"dataset": "rmd17-benzene", "count": 30},
            "levels": {"pbe": {"dataset": "rmd17-benzene"}},
        },
    }
    curve = {"label": "MFTL", "recipe": "ani.wb97x-dz.n50.e2/ani.ccsdt-cbs.n*", "values": [10]}
    pinned = {"ani1x": checksum_of(ani), "rmd17-benzene": checksum_of(archive)}
    values = configuration(
        systems=systems,
        curves={"mftl": curve},
        figures={"fig4": {"kind": "learning-curves", "curves": ["mftl"]}},
        foundation_models={},
        downloads={"folder": "by-hand", "checksums": pinned},
    )
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    wanted = [f"results/labels/ani/{level}.extxyz" for level in levels]
    done = run(project, *wanted, "results/splits/ani.json", "results/labels/benzene/pbe.extxyz")
    assert done.returncode == 0, done.stderr
    dft, coupled, benzene = map(
        Structures.labelled, (project / name for name in (*wanted, "results/labels/benzene/pbe.extxyz"))
    )
    assert len(dft) == 100 and dft.has_forces and not coupled.has_forces and len(benzene) == 30
    high = {f"{formula}-{i:06d}" for formula in ("CH4", "C2H6") for i in range(20)}
    assert {*coupled.ids} == high & {*dft.ids} and len(coupled) > 25
    states = pd.read_csv(project / "results/labels/ani/ccsdt-cbs.csv")
    assert list(states["id"]) == coupled.ids and (states["state"] == "done").all()
    split = json.loads((project / "results/splits/ani.json").read_text())
    assert {*split["test"], *split["validation"]} <= high and len(split["training"]) == 85
    # all of a curve is planned with them, and what the published share of labels cannot give is refused
    assert run(project, "-n", "results/fig4.pdf").returncode == 0
    values["curves"]["mftl"]["values"] = [30]
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    assert "curves.mftl.values: got 30; valid: at most 1" in run(project, "-n").stdout
