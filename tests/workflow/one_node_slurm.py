"""A Slurm of one node on this machine's loopback, from Debian's packages: no systemd, no accounting, no real GPU.

    with one_node_slurm.running() as slurm:
        ...

Needs root and `apt-get install slurm-wlm munge`. All is in a folder that is removed at the end, except two files:
slurmstepd reads /etc/slurm/slurm.conf and gres.conf, whatever SLURM_CONF says. They are removed too.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PACKAGES = "apt-get install slurm-wlm munge"
ETC = Path("/etc/slurm")
MARK = "# of a test of mftl: may be removed\n"
PORTS = (16817, 16818)

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={base}/munge.socket
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
MinJobAge=600
SchedulerParameters=batch_sched_delay=0
KillWait=2
MpiDefault=none
ReturnToService=2
GresTypes=gpu,shard
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=100000 Gres=gpu:1,shard:4
PartitionName=cpu Nodes={host} Default=YES State=UP
PartitionName=gpu Nodes={host} State=UP
"""


def why_not() -> str:
    """Why no Slurm can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "a Slurm of one's own needs root"
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not found: {PACKAGES}"
    if _foreign(ETC / "slurm.conf"):
        return f"{ETC}/slurm.conf: this machine has a Slurm already"
    return ""


def _foreign(path: Path) -> bool:
    return path.exists() and not path.read_text().startswith(MARK)


@dataclass
class Slurm:
    """A running Slurm and the folder with its logs."""

    base: Path

    def call(self, *command: str) -> str:
        """What a command of Slurm says. Raises CalledProcessError."""
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def jobs(self, rule: str = "") -> dict[str, str]:
        """Jobs of a rule that wait or run: their state by id (of an array task: array_task)."""
        lines = self.call("squeue", "--noheader", "--array", "--format=%i|%T|%k").splitlines()
        rows = [line.split("|") for line in lines]
        return {job: state for job, state, comment in rows if f"{comment}_".startswith(f"rule_{rule}")}

    def logs(self) -> str:
        """Ends of the daemons' logs."""
        ends = [f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.base.glob("*.log"))]
        return "\n".join(ends)


@contextmanager
def running() -> Iterator[Slurm]:
    """A Slurm that takes jobs; taken down afterwards, whatever happened. Raises RuntimeError if it does not start."""
    if reason := why_not():
        raise RuntimeError(reason)
    base, daemons = Path(tempfile.mkdtemp(prefix="mftl-slurm-")), []
    slurm = Slurm(base)
    created = not ETC.exists()
    # an end from outside too leaves nothing behind
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        for name in ("state", "spool"):
            (base / name).mkdir()
        key = base / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        ETC.mkdir(exist_ok=True)
        host, cpus = socket.gethostname().split(".")[0], os.cpu_count()
        text = CONFIGURATION.format(host=host, base=base, cpus=cpus, ports=PORTS)
        (ETC / "slurm.conf").write_text(MARK + text)
        (ETC / "gres.conf").write_text(MARK + "Name=gpu File=/dev/zero\nName=shard Count=4\n")
        munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={base}/munge.socket"]
        munged += [f"--{name}-file={base}/munged.{name}" for name in ("pid", "log", "seed")]
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D"]):
            with (base / f"{command[0]}.out.log").open("w") as log:
                daemons.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
            if command is munged:
                _wait_for(lambda: (base / "munge.socket").exists(), slurm, daemons)
        _wait_for(lambda: _idle(slurm), slurm, daemons)
        yield slurm
    finally:
        with suppress(subprocess.SubprocessError, OSError):
            slurm.call("scancel", "--user=root")
            _wait_for(lambda: not slurm.jobs(), slurm, daemons, seconds=15)
        for daemon in reversed(daemons):
            _end(daemon)
        for name in ("slurm.conf", "gres.conf"):
            if not _foreign(ETC / name):
                (ETC / name).unlink(missing_ok=True)
        if created:
            shutil.rmtree(ETC, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _idle(slurm: Slurm) -> bool:
    with suppress(subprocess.SubprocessError):
        return set(slurm.call("sinfo", "--noheader", "--format=%T").split()) == {"idle"}
    return False


def _wait_for(ready, slurm: Slurm, daemons: list[subprocess.Popen], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in daemons):
            raise RuntimeError(f"Slurm does not start or stop as it should\n{slurm.logs()}")
        time.sleep(0.1)


def _end(daemon: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(daemon.pid, signal.SIGTERM)
    try:
        daemon.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
