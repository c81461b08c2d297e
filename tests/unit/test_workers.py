"""Worker processes: what misbehaves costs one structure, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from ase.build import molecule
from conftest import ends, lives

from mftl import workers
from mftl.engines import Structure


def structures(*ids):
    made = []
    for one in ids:
        atoms = molecule("H2O")
        atoms.info["id"] = one
        made.append(Structure.of(atoms))
    return made


@pytest.fixture
def run(standin):
    """Label structures by id; the answers by id, in the order they came."""

    def call(*ids, **options):
        given = structures(*ids)
        start = workers.command("mftl.engines.standin", standin.model_dump())
        return {given[i].id: answer for i, answer in workers.run(given, start, **{"timeout": 20.0, **options})}

    call.log = Path(standin.log)
    return call


def script(folder: Path, text: str):
    """A stand-in for a worker: a shell script, whose first argument is the descriptor to answer on."""
    path = folder / "worker.sh"
    path.write_text(f"#!/bin/bash\nread first\n{text}\n")
    path.chmod(0o755)
    return [str(path)], {"module": "none", "settings": {}}


READY = "echo '{\"ready\": true}' >&$1"
LABEL = '{"id": "a", "energy": -1.5, "forces": [[0,0,0],[0,0,0],[0,0,0]], "extra": {}, "seconds": 0.5}'


def test_labels_come_back_exactly(run):
    answers = run("a", "b")
    assert answers["a"]["energy"] == answers["b"]["energy"]
    given = structures("a")[0]
    assert answers["a"]["energy"] == sum(x * x for row in given.positions for x in row) / 3
    assert len(answers["a"]["forces"]) == 3
    assert answers["a"]["extra"] == {"gap": 0.1}


@pytest.mark.parametrize("count", [1, 3])
def test_each_misbehaviour_costs_one_structure(run, count):
    bad = {
        "fails-0": ("it does not\n converge", 7, "last words"),
        "exits-0": ("the engine ended, exit code 3: out of luck", 3, "out of luck"),
        "segfaults-0": ("the engine was ended by signal 11", -11, ""),
        "short-0": ("the engine gave forces on 1 atoms of 3", None, ""),
        "hangs-0": ("took longer than 1 s", None, ""),
    }
    ids = [name for pair in zip(bad, ["a", "b", "chatters", "d", "e"], strict=True) for name in pair]
    answers = run(*ids, "raises-0", "f", workers=count, timeout=1.0)
    assert set(answers) == {*ids, "raises-0", "f"}
    for one in ("a", "b", "chatters", "d", "e", "f"):
        assert "energy" in answers[one], answers[one]
    for one, (reason, code, message) in bad.items():
        assert answers[one]["failed"].startswith(reason), answers[one]
        assert answers[one]["exit_code"] == code
        assert answers[one]["message"].startswith(message)
    assert answers["raises-0"]["failed"] == "ValueError: no such value"
    assert "standin/__init__.py" in answers["raises-0"]["message"]
    computed = [line.split()[0] for line in run.log.read_text().splitlines()]
    assert sorted(computed) == sorted(answers)  # none of them twice


def test_a_worker_keeps_to_its_group(standin):
    made = []
    for i in range(12):
        atoms = molecule("H2O" if i % 2 else "H2")
        atoms.info["id"] = f"{'water' if i % 2 else 'hydrogen'}-{i}"
        made.append(Structure.of(atoms))
    from mftl.engines import standin as engine

    start = workers.command("mftl.engines.standin", standin.model_copy(update={"delay": 0.02}).model_dump())
    assert len(list(workers.run(made, start, 2, 20.0, engine.group))) == 12
    seen = [line.split() for line in Path(standin.log).read_text().splitlines()]
    for pid in {pid for _, pid in seen}:
        kinds = [one.split("-")[0] for one, p in seen if p == pid]
        assert sum(a != b for a, b in pairwise(kinds)) <= 1, kinds


def test_a_worker_killed_from_outside_is_replaced(standin, run):
    """Its structure is computed by another one, and those that were finished are not computed again."""
    given = structures(*(f"s{i}" for i in range(8)))
    start = workers.command("mftl.engines.standin", standin.model_copy(update={"delay": 0.1}).model_dump())
    answers, kills = {}, 0
    for i, answer in workers.run(given, start, 2, 20.0):
        answers[given[i].id] = answer
        if kills < 4:
            pid = int(run.log.read_text().split()[-1])
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills += 1
    assert kills >= 2
    assert len(answers) == 8 and all("energy" in answer for answer in answers.values())


def test_a_structure_at_which_workers_are_always_killed_is_set_aside(run):
    answers = run("a", "killed-0", "b")
    assert answers["killed-0"]["killed"] == signal.SIGKILL
    assert list(answers) == ["a", "b", "killed-0"]
    assert sum(line.startswith("killed-0") for line in run.log.read_text().splitlines()) == workers.MAX_KILLS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f"{READY}\nread one\necho 'Segmentation fault?' >&$1; sleep 100",
            "an answer that is none: not an answer: Seg",
        ),
        (f"{READY}\nread one\necho '{LABEL[:40]}' >&$1; sleep 100", "an answer that is none"),
        (f"{READY}\nread one\necho '{LABEL.replace('a', 'b', 1)}' >&$1; sleep 100", "an answer that is none"),
        (f"{READY}\nread one\nprintf '{LABEL[:40]}' >&$1; exit 4", "exit code 4"),
        (f"{READY}\nread one\nprintf '{LABEL[:40]}' >&$1; sleep 100", "took longer than 1 s"),
        (f'{READY}\nread one\nexec 1>&- 2>&-; eval "exec $1>&-"; sleep 100', "an answer that is none"),
        (f"{READY}\nread one\necho broken >&2; kill -SEGV $$", "signal 11: broken"),
    ],
    ids=["babble", "half an answer", "another id", "dies writing", "stops writing", "closes", "segfault"],
)
def test_a_worker_that_breaks_the_protocol_is_replaced(tmp_path, text, reason):
    ((_, answer),) = workers.run(structures("a"), script(tmp_path, text), timeout=1.0)
    assert reason in answer["failed"]


def test_a_worker_that_answers_early_and_too_much_is_no_problem(tmp_path):
    text = f"{READY}\nread one\necho noise; echo '{LABEL}' >&$1; echo '{LABEL}' >&$1"
    ((place, answer),) = workers.run(structures("a"), script(tmp_path, text), timeout=5.0)
    assert (place, answer["energy"]) == (0, -1.5)


@pytest.mark.parametrize("text", ["echo no module named x >&2; exit 1", "echo no module named x >&2; echo {} >&$1"])
def test_workers_that_cannot_start_end_the_run(tmp_path, text):
    with pytest.raises(workers.WorkersDie, match=r"no module named x|not an answer"):
        list(workers.run(structures("a", "b"), script(tmp_path, text)))


def test_large_structures_and_a_worker_that_does_not_read(standin):
    """A request larger than a pipe must not block the job, which has to watch the time."""
    from ase import Atoms

    ids = ("hangs-0", "hangs-1", "a")
    given = [Structure.of(Atoms("H" * 5000, [[i, 0, 0] for i in range(5000)], info={"id": one})) for one in ids]
    start = workers.command("mftl.engines.standin", standin.model_dump())
    begin = time.monotonic()
    answers = dict(workers.run(given, start, 1, 1.0))
    assert "took longer" in answers[0]["failed"] and "took longer" in answers[1]["failed"] and "energy" in answers[2]
    assert time.monotonic() - begin < 15


def test_workers_and_what_they_started_end_with_the_job(tmp_path, standin):
    """Also when the job is killed, and while the engine hangs."""
    code = (
        "import json, sys\nfrom mftl import workers\nfrom mftl.engines import Structure\n"
        "s = Structure('hangs-0', ['H'], [1], [[0, 0, 0]], [[0]*3]*3, [False]*3)\n"
        "list(workers.run([s], workers.command('mftl.engines.standin', json.loads(sys.argv[1])), 1, 100.0))\n"
    )
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts"}
    job = subprocess.Popen([sys.executable, "-c", code, standin.model_dump_json()], env=environment)
    log, deadline = Path(standin.log), time.monotonic() + 20
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.02)
    worker = int(log.read_text().split()[1])
    assert lives(worker)
    job.kill()
    job.wait()
    assert ends(worker)


def test_the_last_line_says_what_is_wrong():
    assert workers.last_line("a\n\nERROR!\n-> SCC is NOT converged\nPath: here\nERROR STOP\n\n#0 0x1\n") == (
        "SCC is NOT converged"
    )
    assert workers.last_line("WARNING!\n-> mind\nbroken\n\n") == "broken"
    assert workers.last_line("") == ""
