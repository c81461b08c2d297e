"""The rehearsal of the papers' campaign: its rules, recipes and architectures on a handful of structures and steps."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import calls
import numpy as np
import one_node_slurm
import pandas as pd
import pytest
import yaml
from ase.io import write
from calls import ROOT

from mftl import catalogue, checks, downloads, pools, rehearsal
from mftl.config.studies import complete, overlaid
from mftl.inputs import InputError
from mftl.recipe import parse
from mftl.structures import read_labelled
from mftl.systems import published

FILES = ("config/paper.yaml", "config/rehearsal.yaml", "config/rehearsal-files.yaml")
ASKED = ("--configfile", *FILES)
WITHOUT = "config/without.yaml"
# where DFTB+ is not installed: a cheap method for the molecules, for tungsten the published labels once more
INSTEAD = {"qm7x": {"engine": "tblite", "method": "GFN1-xTB"}, "tungsten": {"dataset": "tungsten-gap2014"}}
SECONDS = 5400  # for all of it: no measure, only an end
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
# of each phase what differs most: multi-head fine-tuning of vectors in float64, a chain of three, elements, simulations
SHORT = ("results/figS5.pdf", "results/fig8.pdf", "results/elements/fig3.pdf", "results/elements/table1.pdf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("rehearsal")
    rehearsal.prepare(made)
    return made


@pytest.fixture(scope="module")
def given(folder):
    """How the configuration is given: where DFTB+ or packmol are not installed, something else takes their place."""
    lacking = [name for name in ("dftb+", "packmol") if not shutil.which(name)]
    if not lacking:
        return ASKED
    values: dict = {}
    for name in FILES:
        values = overlaid(values, yaml.safe_load((folder / name).read_text()))
    values = complete(values, folder) | {"studies": []}
    for system, level in INSTEAD.items() if "dftb+" in lacking else ():
        values["systems"][system]["levels"]["dftb-ptbp"] = level
    if "packmol" in lacking:
        wet = values["systems"]["deca-alanine-water"]
        (box,) = pools.pool(wet["pool"]).example(1)  # water on a lattice
        write(folder / "downloads/box.extxyz", box, format="extxyz")
        wet["pool"] = {"file": "downloads/box.extxyz"}
    (folder / WITHOUT).write_text(yaml.safe_dump(values, sort_keys=False))
    return ("--configfile", WITHOUT)


def test_it_has_all_that_the_campaign_has(folder):
    """Every system, level, architecture, mode, curve and figure, with recipes that differ in numbers alone."""
    values, of_all = {}, []
    for name in FILES:
        values = overlaid(values, yaml.safe_load((folder / name).read_text()))
        of_all.append(checks.load(complete(values, folder), folder))
    paper, rehearsed = of_all[0], of_all[-1]
    assert rehearsed.architectures == paper.architectures and rehearsed.modes.keys() == paper.modes.keys()
    assert rehearsed.figures.keys() == paper.figures.keys() and rehearsed.foundation_models == paper.foundation_models
    for name, curve in paper.curves.items():
        stages, other = parse(curve.recipe).stages, parse(rehearsed.curves[name].recipe).stages
        assert [(s.system, s.level, s.mode) for s in stages] == [(s.system, s.level, s.mode) for s in other], name
        settings, others = (
            [config.training_of(stage.mode, i > 0) for i, stage in enumerate(stages)] for config in (paper, rehearsed)
        )
        assert [(s.dtype, s.forces_weight, s.energy_weight) for s in settings] == [
            (s.dtype, s.forces_weight, s.energy_weight) for s in others
        ]
    for figure in rehearsed.figures:
        checks.require_figure(rehearsed, figure, folder)


def test_every_rule_of_the_campaign_is_rehearsed(folder):
    campaign = set(calls.planned(folder, "--configfile", FILES[0]))
    assert len(campaign) > 15 and campaign == set(calls.planned(folder, *ASKED))


def test_a_folder_that_is_in_use_is_refused(folder):
    with pytest.raises(InputError, match="is not empty; a rehearsal needs a folder of its own"):
        rehearsal.prepare(folder)


def test_the_command_says_how_to_go_on(tmp_path):
    call = [sys.executable, "-m", "mftl.rehearsal", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    (tmp_path / "something").touch()
    done = subprocess.run(call, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and "is not empty" in done.stderr and "Traceback" not in done.stderr


def test_the_files_have_the_published_layout(folder):
    """Each has the name and place that downloads have, and its checksum is that which the configuration gives."""
    told = yaml.safe_load((folder / FILES[-1]).read_text())["downloads"]
    wanted = {name for one in catalogue.DATASETS.values() for name in one.files} | {
        "mace-off23-small",
        "mace-mp-0-medium",
    }
    assert told["checksums"].keys() == wanted
    for name, checksum in told["checksums"].items():
        assert downloads.checksum_of(folder / told["folder"] / catalogue.FILES[name].path) == checksum


def test_all_data_sets_can_be_read(folder):
    """Energies and forces are those that ship, whatever units and signs the files have."""
    shipped = read_labelled(ROOT / "resources/molecules/molecules.pbe0-d3.extxyz")
    energies = {round(a.info["REF_energy"], 6): a for a in shipped}
    for name in ("rmd17-aspirin", "ccsd-aspirin", "ccsdt-ethanol", "ani1x", "ani1ccx", "comp6"):
        paths = [folder / "downloads" / catalogue.FILES[file].path for file in catalogue.DATASETS[name].files]
        own = list(published.read(name, paths, 12, 0, ["H", "C", "N", "O"]))
        assert len(own) == 12
        for atoms in own if name in ("ani1x", "comp6") else ():
            energy = next(value for key, value in atoms.info.items() if key in ("REF_energy", "REF_energy_wb97x_dz"))
            forces = next(value for key, value in atoms.arrays.items() if key.startswith("REF_forces"))
            np.testing.assert_allclose(forces, energies[round(energy, 6)].arrays["REF_forces"], atol=1e-6)


def test_a_short_form_runs(folder, given):
    calls.succeed(folder, *SHORT, *given)
    for name in SHORT:
        assert (folder / name).read_bytes().startswith(b"%PDF")
    runs = pd.read_csv(folder / "results/simulations/elements/table1.csv")
    assert len(runs) == 2 * 2 * 2 * 2 and (runs["length_ps"] == 0.01).all()  # curves, sizes, seeds, replicas
    logs = "\n".join(path.read_text() for path in (folder / "results/logs/train").rglob("*.log"))
    assert "errors of head 2" in logs and len(re.findall("computed by lean", logs)) > 10


@pytest.mark.skipif("WHOLE_REHEARSAL" not in os.environ, reason="takes long: make test-slurm")
@pytest.mark.skipif(bool(one_node_slurm.why_not()), reason=one_node_slurm.why_not())
def test_all_of_it_runs_as_jobs_of_a_cluster(folder, given):
    """Trainings share a GPU, as docs/cluster.md says how."""
    profile = folder / "slurm/config.yaml"
    whole, shard = (f'gres: "{one}" # "\'shard:1\'"' for one in ("'gpu:1'", "'shard:1'"))
    assert profile.read_text().count(whole) == 1
    profile.write_text(profile.read_text().replace(whole, shard))
    quick = {"slurm-status-command": "squeue", "slurm-init-seconds-before-status-checks": 1, "latency-wait": 10}
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick))
    with one_node_slurm.running():
        call = [calls.SNAKEMAKE, "--profile", "slurm", "--profile", "quick.yaml", *given]
        done = subprocess.run(call, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "has been submitted with SLURM jobid" in said and "gres=shard:1" in said
    assert "Nothing to be done" in calls.succeed(folder, "-n", *given)
    for name in ("figures.pdf", "paper.csv", "elements/figures.pdf", "elements/paper.csv"):
        assert (folder / "results" / name).stat().st_size > 1000
    assert list(Path(folder / "results/logs/slurm/rule_train").rglob("*.log"))
