"""The labelling rules: what stops before the first job, what a kill costs, and how one goes on after failures."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from ase.build import bulk
from ase.io import write
from calls import SNAKEMAKE, copy_project, run

from mftl.engines import dftbplus
from mftl.engines.dftbplus.section import DftbLevel

LEVEL = "results/labels/molecules/gfn1"


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return run(folder, "--nolock", *arguments)


def configure(folder: Path, levels: dict, pool: str = "resources/molecules/molecules.extxyz.xz", **labels) -> None:
    elements = ["W"] if "tungsten" in pool else ["H", "C", "N", "O", "S", "Cl"]
    system = {"elements": elements, "pool": {"file": pool}, "levels": levels}
    (folder / "config.yaml").write_text(yaml.safe_dump({"systems": {"molecules": system}, "labels": labels}))


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path)


GFN1 = {"engine": "tblite", "method": "GFN1-xTB", "first": 300}


def test_what_an_engine_cannot_do_stops_before_the_first_job(project):
    write(project / "tungsten.extxyz", [bulk("W")])
    tables = project / "tables"
    shutil.copytree("resources/ptbp", tables)
    (tables / "C-S.skf").unlink()
    # something that is found, if not the real one: nothing runs
    library = project / "libdftbplus.so"
    library.touch()
    dftb = {"engine": "dftb+", "interface": "library", "library": str(library)}
    cases = [
        ({"engine": "tblite"}, "tungsten.extxyz", "structure tungsten-000000 is periodic"),
        ({"engine": "pyscf-dft"}, "tungsten.extxyz", "the engine pyscf-dft cannot treat W"),
        (dftb | {"slater_koster": "tables"}, None, "no Slater-Koster table for the pair C-S in tables"),
        (dftb | {"slater_koster": "nowhere"}, None, "download_slater_koster"),
        ({"engine": "dftb+", "interface": "library", "library": "no.so"}, None, "conda install -c conda-forge"),
    ]
    for level, pool, message in cases:
        configure(project, {"gfn1": level}, pool or "resources/molecules/molecules.extxyz.xz")
        done = call(project, f"{LEVEL}.extxyz")
        assert done.returncode != 0 and "systems.molecules.levels.gfn1" in done.stderr
        assert message in done.stderr, done.stderr
        assert "Execute" not in done.stderr
    (tables / "C-S.skf").write_text((tables / "S-C.skf").read_text()[:1000])
    configure(project, {"gfn1": dftb | {"slater_koster": "tables"}})
    assert "the pair C-S is cut short" in call(project, f"{LEVEL}.extxyz").stderr


def test_a_killed_run_goes_on_and_ends_the_same(project):
    configure(project, {"gfn1": GFN1}, chunk_size=150, workers=2)
    for _ in range(3):
        started = subprocess.Popen(
            [SNAKEMAKE, "--nolock", "--cores", "2", f"{LEVEL}.extxyz"], cwd=project, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        before, deadline = finished(project), time.monotonic() + 60
        while started.poll() is None and finished(project) < before + 40 and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    assert 100 <= finished(project) < 300
    assert not (project / f"{LEVEL}.extxyz").exists()
    assert call(project, f"{LEVEL}.extxyz").returncode == 0
    assert finished(project) == 300  # each was computed once
    killed = (project / f"{LEVEL}.extxyz").read_bytes()
    shutil.rmtree(project / "results/labels")
    assert call(project, "--cores", "1", f"{LEVEL}.extxyz").returncode == 0
    assert (project / f"{LEVEL}.extxyz").read_bytes() == killed
    log = (project / "results/logs/label_chunk/molecules/gfn1/chunk-0-of-2.log").read_text()
    assert "150/150" in log and "structures/s" in log and "<00:00" in log


def finished(folder: Path) -> int:
    return sum(path.read_text().count("\n") for path in (folder / "results/labels").glob("*/*/*.jsonl"))


def test_too_many_failures_stop_the_run_and_nothing_is_lost(project):
    configure(project, {"gfn1": GFN1}, chunk_size=150, max_force=2.0)
    done = call(project, f"{LEVEL}.extxyz")
    assert done.returncode != 0
    assert "more than labels.max_failed_fraction = 0.05 allows" in done.stderr and "largest force" in done.stderr
    assert finished(project) == 300
    # a mended configuration and another call are all it takes
    configure(project, {"gfn1": GFN1}, chunk_size=150, max_force=100.0)
    done = call(project, f"{LEVEL}.extxyz")
    assert done.returncode == 0, done.stderr
    assert finished(project) == 300
    states = pd.read_csv(project / f"{LEVEL}.csv")
    assert list(states.columns) == ["id", "state", "reason", "exit_code", "message", "settings", "seconds"]
    assert len(states) == 300 and (states["state"] == "done").all()
    # another division into chunks computes nothing again, nor does it change what was made
    configure(project, {"gfn1": GFN1 | {"chunk_size": 100}})
    labels = (project / f"{LEVEL}.extxyz").read_bytes()
    assert call(project, f"{LEVEL}.extxyz").returncode == 0
    assert finished(project) == 300
    assert (project / f"{LEVEL}.extxyz").read_bytes() == labels


def test_published_tables_are_fetched_before_anything_is_labelled(project):
    configure(project, {"gfn1": {"engine": "dftb+", "slater_koster": "results/slater-koster/ptbp/"}})
    done = call(project, "-n", f"{LEVEL}.extxyz")
    assert done.returncode == 0, done.stderr
    assert "rule download_slater_koster:" in done.stdout and "rule label_chunk:" in done.stdout


def test_tables_placed_by_hand_are_unpacked_without_a_network(project):
    configure(project, {"gfn1": GFN1})
    assert call(project, "-n", "download_slater_koster", "verify_labels").returncode == 0
    by_hand = project / "results/slater-koster/by-hand"
    by_hand.mkdir(parents=True)
    shutil.copy("resources/ptbp/W-W.skf", by_hand)
    done = call(project, "download_slater_koster")
    assert done.returncode == 0, done.stderr
    assert (project / "results/slater-koster/ptbp/W-W.skf").read_bytes() == (by_hand / "W-W.skf").read_bytes()


@pytest.mark.skipif(bool(dftbplus.installed(DftbLevel(engine="dftb+"))), reason="DFTB+ is not found")
def test_dftb_labels_a_pool_with_crystals(project):
    crystal = bulk("W", "bcc", a=3.1)
    crystal.info["id"] = "bcc-1"
    write(project / "tungsten.extxyz", [crystal, bulk("W", "fcc", a=4.0)])
    level = {"engine": "dftb+", "temperature": 1160.45, "k_point_spacing": 0.1}
    configure(project, {"gfn1": level}, "tungsten.extxyz")
    done = call(project, f"{LEVEL}.extxyz")
    assert done.returncode == 0, done.stderr
    assert "REF_stress" in (project / f"{LEVEL}.extxyz").read_text()
