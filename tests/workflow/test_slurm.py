"""The chain of fig4 as jobs of a real Slurm, cancelled and killed on the way, ends with the bits of a local run."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import one_node_slurm
import pytest
import yaml
from calls import ROOT, SNAKEMAKE, copy_project

from mftl.config.studies import complete

pytestmark = pytest.mark.skipif(bool(one_node_slurm.why_not()), reason=one_node_slurm.why_not())

LEVEL = "results/labels/molecules/gfn1-xtb"
PRETRAINED = "tiny/molecules.gfn1-xtb.n40/seed-1"
TRAINING = "train_wildcards_tiny_molecules.gfn1-xtb.n40_1"
SAME = ("results/errors/fig4.csv", "results/fig4.csv", f"{LEVEL}.extxyz")
SECONDS = 1800  # for anything to happen: no measure, only an end


def small_project(folder: Path) -> Path:
    """A copy of the project: three chunks to label, two models to train, the state of training written often."""
    folder.mkdir()
    copy_project(folder)
    shutil.copytree(ROOT / "slurm", folder / "slurm")
    values = complete({})
    values |= {
        key: yaml.safe_load((ROOT / "config/test.yaml").read_text())[key] for key in ("architectures", "training")
    }
    levels = values["systems"]["molecules"]["levels"]
    levels = {"pbe0-d3": levels["pbe0-d3"], "gfn1-xtb": levels["gfn1-xtb"] | {"first": 2400, "chunk_size": 800}}
    curve = {"label": "MFTL", "recipe": "molecules.gfn1-xtb.n40.e120/molecules.pbe0-d3.n*", "values": [10]}
    values |= {
        "seeds": 1,
        "systems": {"molecules": values["systems"]["molecules"] | {"levels": levels}},
        "labels": {"workers": 1},
        "prediction": {"test_structures": 40},
        "curves": {"mftl": curve},
        "figures": {"fig4": {"kind": "learning-curves", "curves": ["mftl"]}},
        "dynamics": {},
        "export": [],
        "studies": [],
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(values))
    training = folder / "workflow/scripts/mftl/training/run.py"
    text = training.read_text()
    assert "checkpoint_seconds: float = 30.0" in text
    training.write_text(text.replace("checkpoint_seconds: float = 30.0", "checkpoint_seconds: float = 0.5"))
    return folder


def snakemake(folder: Path, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [SNAKEMAKE, *arguments, "--configfile", "small.yaml", "--", "results/fig4.pdf"]
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )


def hear_interrupts() -> None:
    """A test run started in a shell's background ignores interrupts, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finishes(call: subprocess.Popen, folder: Path) -> None:
    try:
        code = call.wait(SECONDS)
    finally:
        end(call)
    assert code == 0, said(folder)


@pytest.fixture
def local(tmp_path):
    """A folder in which the same was made without Slurm and without interruption."""
    folder = small_project(tmp_path / "local")
    finishes(snakemake(folder), folder)
    return folder


@pytest.fixture
def slurm():
    with one_node_slurm.running() as slurm:
        yield slurm


def test_cancelled_and_killed_jobs_end_with_the_same_bits(tmp_path, local, slurm):
    folder = small_project(tmp_path / "slurm")
    quick = {"slurm-status-command": "squeue", "slurm-init-seconds-before-status-checks": 1, "latency-wait": 10}
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick))
    profiles = ("--profile", "slurm", "--profile", "slurm/arrays", "--profile", "quick.yaml")
    state, log = folder / f"results/models/{PRETRAINED}/state.pt", folder / f"results/logs/train/{PRETRAINED}.log"
    journals = [folder / f"{LEVEL}/chunk-{chunk}-of-3.jsonl" for chunk in range(3)]

    def wait_for(ready):
        deadline = time.monotonic() + SECONDS
        while not (answer := ready()):
            assert call.poll() is None and time.monotonic() < deadline, said(folder) + slurm.logs()
            time.sleep(0.02)
        return answer

    def running(rule):
        return [job for job, state in slurm.jobs(rule).items() if state == "RUNNING"]

    def resumed():
        """After which epoch training went on; 0 if it did not."""
        found = re.search(r"resumed after epoch (\d+)", log.read_text() if log.exists() else "")
        return int(found[1]) if found else 0

    call = snakemake(folder, *profiles)
    try:
        # a task of the array is cancelled while it labels
        wait_for(lambda: any(lines(journal) > 20 for journal in journals))
        cancelled = running("label_chunk")[0]
        assert re.fullmatch(r"\d+_\d", cancelled)
        slurm.call("scancel", cancelled)
        # training is cancelled once its state is on disk, as at the time limit
        wait_for(state.exists)
        (job,) = running(TRAINING)
        assert slurm.call("squeue", "--noheader", "--format=%P %b", f"--jobs={job}").split() == ["gpu", "gres:gpu:1"]
        slurm.call("scancel", job)
        # then its process is killed, as if memory ran out
        first = wait_for(resumed)
        written = state.stat().st_mtime
        wait_for(lambda: state.stat().st_mtime > written)
        os.kill(script(folder, "train"), signal.SIGKILL)
        wait_for(lambda: resumed() > first)
        # and the call itself is interrupted: it takes its jobs with it
        call.send_signal(signal.SIGINT)
        assert call.wait(SECONDS) != 0
        assert not running("")
    finally:
        end(call)
    assert not (folder / "results/fig4.csv").exists()
    call = snakemake(folder, *profiles)
    finishes(call, folder)
    for name in SAME:
        assert (folder / name).read_bytes() == (local / name).read_bytes(), name
    # nothing was computed twice, and Slurm's logs were kept
    assert [lines(journal) for journal in journals] == [800] * 3
    assert list((folder / "results/logs/slurm/rule_train").rglob("*.log"))
    assert "localrule snapshot" in said(folder) and "localrule plot" in said(folder)
    assert "rule_snapshot" not in os.listdir(folder / "results/logs/slurm")


def end(call: subprocess.Popen) -> None:
    """End a call and what it started here, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(call.pid, signal.SIGKILL)
    call.wait()


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def said(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def script(folder: Path, name: str) -> int:
    """The process that runs a rule's script."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_text().split("\0")
            if (
                len(words) > 1
                and words[1].startswith(f"{folder}/.snakemake/scripts/")
                and words[1].endswith(f"{name}.py")
            ):
                return int(path.parent.name)
    raise AssertionError(f"no process of {name}.py")
