"""How a job ends: with one message when memory runs out, and when the call that started it is killed."""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, ends, lives

from mftl import jobs, locks

JOB = """
import resource, sys, time
from types import SimpleNamespace
from mftl.jobs import job
with job(SimpleNamespace(log=[sys.argv[1]])):
    if sys.argv[2] == "allocate":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        bytearray(1 << 34)
    if sys.argv[2] == "gpu":
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 78 GiB.")
    if sys.argv[2] == "cublas":
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    if sys.argv[2] == "torch":
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
    print("running", file=sys.__stdout__, flush=True)
    time.sleep(60)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": "workflow/scripts"}


@pytest.mark.parametrize("what", ["allocate", "torch", "gpu", "cublas"])
def test_too_little_memory_is_one_message(tmp_path, what):
    command = [sys.executable, "-c", JOB, str(tmp_path / "log"), what]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "out of memory" in done.stderr and "call again" in done.stderr
    # another try with more mem_mb is of no use where a GPU is full
    assert ("GPU's memory" in done.stderr) == (what in ("gpu", "cublas")) != ("Give the job more" in done.stderr)
    assert "Traceback" not in done.stderr + (tmp_path / "log").read_text()


STARTER = """
import os, subprocess, sys
from mftl import jobs
job = subprocess.Popen(sys.argv[1:], env={**os.environ, jobs.CALL: jobs.process(os.getpid())})
print(job.pid, flush=True)
input()
"""


def test_a_job_ends_with_the_call_that_started_it(tmp_path):
    command = [sys.executable, "-c", STARTER, sys.executable, "-c", JOB, str(tmp_path / "log"), "wait"]
    call = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    job = int(call.stdout.readline())
    assert call.stdout.readline() == "running\n" and lives(job)
    call.kill()
    assert ends(job)
    call.communicate()


def test_a_job_that_starts_too_late_does_nothing(tmp_path):
    """A script may take long to import what it needs, and be killed before it can look after its call."""
    gone = subprocess.Popen(["sleep", "0"])
    call = f"{jobs.process(os.getpid()).rsplit(' ', 2)[0]} {gone.pid} 1"
    gone.wait()
    command = [sys.executable, "-c", JOB, str(tmp_path / "log"), "wait"]
    assert subprocess.run(command, env=ENVIRONMENT | {jobs.CALL: call}, timeout=50).returncode == 1


def test_processes_are_told_apart():
    assert jobs.process(os.getpid()) == jobs.process(os.getpid()) != jobs.process(os.getppid())
    with subprocess.Popen(["sleep", "0"]) as ended:
        assert ends(ended.pid) and jobs.process(ended.pid) is None


CALL = """
import sys, time
from mftl import jobs, locks
print(locks.enter(sys.argv[1]), flush=True)
input()
"""


class Call:
    """A call of Snakemake, as far as locks go."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALL, str(folder)],
            env={**os.environ, "PYTHONPATH": "workflow/scripts"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.removed = self.process.stdout.readline() == "True\n"

    def end(self):
        self.process.communicate("\n")

    def kill(self):
        self.process.kill()
        self.process.communicate()


def test_the_lock_of_a_killed_call_is_removed_that_of_a_living_one_is_not(tmp_path):
    lock = tmp_path / "locks" / "0.output.lock"

    def write():
        lock.parent.mkdir(exist_ok=True)
        lock.touch()

    first = Call(tmp_path)
    write()
    second = Call(tmp_path)
    assert not second.removed and lock.exists()  # the first one works
    second.end()
    first.kill()
    assert lock.exists()
    third = Call(tmp_path)
    assert third.removed and not lock.parent.exists()
    write()
    third.end()
    last = Call(tmp_path)
    assert not last.removed and lock.exists()  # whose it is is not known
    last.kill()


def test_locks_of_other_machines_stay(tmp_path):
    Call(tmp_path).kill()
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").touch()
    (tmp_path / "mftl.elsewhere.running").write_text("a call runs")
    call = Call(tmp_path)
    assert not call.removed
    call.kill()
    (tmp_path / "mftl.elsewhere.running").write_text("")
    call = Call(tmp_path)
    assert call.removed
    call.end()


def test_a_folder_that_cannot_be_used_has_no_locks(tmp_path):
    (tmp_path / "file").touch()
    assert locks.enter(tmp_path / "file") is False


@pytest.mark.parametrize("as_list", [False, True])
def test_a_kill_in_the_log_is_explained(tmp_path, capsys, as_list):
    """Snakemake hands one log or a list of them."""
    log = tmp_path / "log"
    log.write_text("... died with <Signals.SIGKILL: 9>.")
    jobs.explain([str(log), str(tmp_path / "gone")] if as_list else str(log))
    assert "A job was killed from outside (SIGKILL)" in capsys.readouterr().err
    log.write_text("... returned non-zero exit status 1.")
    jobs.explain([str(log)] if as_list else str(log))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("given", "limit"), [((), "None"), (("--max-jobs-per-timespan", "50/1s"), "50")])
def test_snakemake_s_own_rate_limit_is_lifted_and_no_other(tmp_path, given, limit):
    """By what the Snakefile does at the start, in a workflow of one job."""
    (start,) = re.findall(r"^onstart:\n(?:    .*\n)+", (ROOT / "Snakefile").read_text(), re.MULTILINE)
    (tmp_path / "Snakefile").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'workflow/scripts')!r})\nfrom mftl.setup import lift_rate_limit\n"
        f"{start}onsuccess:\n    limiter = workflow.scheduler.job_rate_limiter\n"
        "    print(f'limit {limiter and limiter.max_jobs}')\n"
        "rule all:\n    output: 'made'\n    shell: 'touch made'\n"
    )
    call = [sys.executable, "-m", "snakemake", "--cores", "1", *given]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"limit {limit}\n" in done.stdout + done.stderr
