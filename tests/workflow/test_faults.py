"""What goes wrong while one works: kills, full disks, damaged files, two calls at once. A plain call mends it."""

import lzma
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import yaml
from calls import ROOT, SNAKEMAKE, copy_project
from conftest import ends, lives

STRUCTURES = 60
MODEL = "results/models/tiny/molecules.gfn1.n10/seed-1/model.pt"
PREDICTIONS, ERRORS, FIGURE = "results/predictions/single-fidelity.npz", "results/errors/fig4.csv", "results/fig4.bib"
LABELS = "results/labels/molecules/gfn1.extxyz"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
               "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # fmt: skip


def new_project(folder: Path, **more) -> Path:
    """A project with one system, one training and one figure, whose labels are computed."""
    copy_project(folder)
    source = ROOT / "resources/molecules/molecules.extxyz.xz"
    with lzma.open(source, "rt") as lines, (folder / "pool.extxyz").open("w", encoding="utf-8") as pool:
        for _ in range(STRUCTURES):
            count = next(lines)
            pool.writelines([count, *islice(lines, int(count) + 1)])
    configure(folder, **more)
    return folder


def configure(folder: Path, **more) -> None:
    system = {
        "elements": ["H", "C", "N", "O", "S", "Cl"],
        "pool": {"file": "pool.extxyz"},
        "levels": {"gfn1": {"engine": "tblite", "method": "GFN1-xTB"}},
        "split": {"level": "gfn1", "test": 10, "validation": 5},
    }
    values = {
        "scale": "test",
        "seeds": 1,
        "systems": {"molecules": system},
        "labels": {"workers": 1},
        "architectures": {"tiny": {"channels": 4, "radial_mlp": [8], "readout_channels": 4}},
        "training": {"epochs": 2},
        "curves": {"single-fidelity": {"label": "one", "recipe": "molecules.gfn1.n*", "values": [10]}},
        "figures": {"fig4": {"kind": "learning-curves", "curves": ["single-fidelity"]}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(values | more))


def start(folder: Path, *targets: str) -> subprocess.Popen:
    """A call in a session of its own, whose output goes to a file."""
    with (folder / "said").open("w") as said:
        arguments = [SNAKEMAKE, "--cores", "1", *targets]
        return subprocess.Popen(
            arguments, cwd=folder, env=ENVIRONMENT, stdout=said, stderr=said, start_new_session=True
        )


def call(folder: Path, *targets: str) -> tuple[int, str]:
    """Exit code of a call, and what it said."""
    code = start(folder, *targets).wait(timeout=600)
    return code, (folder / "said").read_text()


def jobs_of(folder: Path, rule: str = "") -> list[int]:
    """Processes that run scripts for a project."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/.snakemake/scripts/" in command and f"{rule}.py" in command and lives(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found


def wait_for(folder: Path, rule: str, run: subprocess.Popen) -> int:
    """The process of a rule's job, once it runs."""
    while not (found := jobs_of(folder, rule)):
        assert run.poll() is None, (folder / "said").read_text()
        time.sleep(0.02)
    return found[0]


def results(folder: Path) -> dict[str, bytes]:
    """All that must be the same bit by bit, whatever happened on the way."""
    bits = {}
    for path in sorted((folder / "results").rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or re.search(r"/(logs|benchmarks|costs)/|\.jsonl$|\.provenance\.json$|/state\.pt$", name):
            continue
        bits[name] = path.read_bytes()
        if name.startswith("results/labels") and name.endswith(".csv"):
            bits[name] = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
    return bits


def done(folder: Path) -> dict[str, int]:
    """When each result was written whose job ended."""
    records = (folder / "results").rglob("*.provenance.json")
    return {str(path): path.stat().st_mtime_ns for path in records}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project that ran through."""
    folder = new_project(tmp_path_factory.mktemp("finished") / "project")
    code, said = call(folder, FIGURE)
    assert code == 0, said
    return folder


@pytest.fixture
def project(finished, tmp_path):
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "project", symlinks=True)


KILLS = [("label_chunk", "job"), ("train", "snakemake"), ("predict", "all"), ("plot", "job")]


def test_kills_at_random_moments_change_nothing(finished, tmp_path):
    folder, chance, before = new_project(tmp_path / "project"), random.Random(4), {}
    for rule, victim in KILLS:
        run = start(folder, FIGURE)
        process = wait_for(folder, rule, run)
        time.sleep(chance.uniform(0, 1.5))
        if victim == "all":
            os.killpg(run.pid, signal.SIGKILL)
        elif victim == "snakemake":
            run.kill()
        elif lives(process):
            os.kill(process, signal.SIGKILL)
        run.wait(timeout=300)
        said = (folder / "said").read_text()
        assert "cannot be locked" not in said
        if victim == "job" and "Complete log" in said and run.returncode:
            assert "A job was killed from outside" in said
        assert before.items() <= done(folder).items()  # what was finished was not made again
        before = done(folder)
    code, said = call(folder, FIGURE)
    assert code == 0, said
    assert before.items() <= done(folder).items()
    assert results(folder) == results(finished)
    assert all(ends(one) for one in jobs_of(folder))  # not even those whose call was killed
    (journal,) = (folder / "results/labels").rglob("*.jsonl")
    assert journal.read_text().count("\n") == STRUCTURES  # each was computed once


def test_no_gpu_then_two_calls_at_once(project):
    shutil.rmtree(project / "results/models")
    configure(project, device="cuda")
    code, said = call(project, MODEL)
    assert code != 0 and "device: got 'cuda', but torch sees no GPU here" in said
    assert "Traceback" not in said
    configure(project)
    first = start(project, MODEL)
    training = wait_for(project, "train", first)
    os.kill(training, signal.SIGSTOP)
    other = subprocess.run(
        [SNAKEMAKE, MODEL], cwd=project, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert other.returncode != 0
    assert "no other Snakemake process is trying to create the same files" in other.stderr
    assert "Its lock is removed" not in other.stderr and "Traceback" not in other.stderr
    os.kill(training, signal.SIGCONT)
    assert first.wait(timeout=300) == 0
    code, said = call(project, MODEL)
    assert code == 0 and "Nothing to be done" in said


def test_a_damaged_result_is_named_and_made_anew(finished, project):
    for damaged, target in ((PREDICTIONS, ERRORS), (LABELS, "results/levels/molecules.csv"), (MODEL, PREDICTIONS)):
        path = project / damaged
        content = path.read_bytes()
        path.write_bytes(content[: content.rfind(b"\n", 0, len(content) // 2) + 1])
        code, said = call(project, target)
        assert code != 0
        assert f"{damaged} is not what the rule" in said and "Remove it and call again" in said, said
        assert "Traceback" not in said
        path.unlink() if damaged == MODEL else path.write_bytes(content)
    code, said = call(project, PREDICTIONS, ERRORS)
    assert code == 0, said
    assert results(project) == results(finished)


def test_what_runs_again_on_a_finished_project(finished, tmp_path):
    """A few rows of reruns.yaml, asked from Snakemake itself where jobs did run; here all files are new, too."""
    folder = shutil.copytree(finished, tmp_path / "elsewhere", symlinks=True, copy_function=shutil.copy)

    def planned() -> dict[str, int]:
        code, said = call(folder, "-n", FIGURE)
        assert code == 0, said
        table = said.split("Job stats:")[1].split("total")[0] if "Nothing to be done" not in said else ""
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}

    figure = {"evaluate": 2, "plot": 1, "cite": 1}
    assert planned() == {}
    configure(folder, prediction={"test_structures": 5, "batch_size": 100}, labels={"workers": 3, "timeout": 3600})
    assert planned() == {"predict": 1} | figure
    configure(folder, device="auto")
    assert planned() == {"train": 1, "predict": 1} | figure
    configure(folder)
    with (folder / "workflow/scripts/predict.py").open("a") as script:
        script.write("# a comment\n")
    assert planned() == {}
    with (folder / "workflow/scripts/predict.py").open("a") as script:
        script.write("ADDED = 1\n")
    assert planned() == {"predict": 1} | figure


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize(
    ("mount", "mend", "message"),
    [
        (["-t", "tmpfs", "-o", "size=40k", "tmpfs"], ["-o", "remount,size=9m"], "Make room, call again"),
        (["-t", "tmpfs", "-o", "ro", "tmpfs"], ["-o", "remount,rw"], "Read-only file system: 'results/"),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_cannot_be_written(tmp_path, mount, mend, message):
    folder = new_project(tmp_path / "project")
    (folder / "results").mkdir()
    if subprocess.run(["mount", *mount, str(folder / "results")], capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        code, said = call(folder, LABELS)
        assert code != 0 and message in said, said
        assert "Traceback" not in said
        subprocess.run(["mount", *mend, str(folder / "results")], check=True)
        code, said = call(folder, LABELS)
        assert code == 0, said
    finally:
        subprocess.run(["umount", str(folder / "results")], check=True)
