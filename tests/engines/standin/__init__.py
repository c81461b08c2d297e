"""An engine that misbehaves on request: a structure's id says how. It runs in worker processes."""

import os
import signal
import time
from pathlib import Path

from mftl.engines import Failure, Label, Structure

PERIODIC = False
LOCATION = ("log", "delay")


def installed(settings):
    return None


def version(settings):
    return "1"


def elements(settings):
    return {"H", "O"}


def files(settings, elements):
    return []


def group(structure):
    return "".join(sorted(structure.symbols))


def label(structure: Structure, settings) -> Label:
    kind = structure.id.split("-")[0]
    with open(settings.log, "a") as log:
        log.write(f"{structure.id} {os.getpid()}\n")
    time.sleep(settings.delay)
    if kind == "fails" or (kind == "mendable" and not Path(settings.log).with_name("mended").exists()):
        raise Failure("it does not\n converge", 7, "last words")
    if kind == "raises":
        raise ValueError("no such value")
    if kind == "exits":
        print("out of luck", flush=True)
        os._exit(3)
    if kind == "segfaults":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "killed":  # always, as if memory ran out
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hangs":
        time.sleep(1000)
    if kind == "chatters":
        print("energy: 1e99\n" * 10000, flush=True)
        os.write(2, b"warning\n")
    if kind == "nan":
        return Label(float("nan"), [[0.0] * 3] * len(structure.symbols))
    if kind == "strong":
        return Label(-1.0, [[101.0, 0, 0], [-101.0, 0, 0], *[[0.0] * 3] * (len(structure.symbols) - 2)])
    if kind == "drifts":
        return Label(-1.0, [[0.1, 0, 0]] * len(structure.symbols))
    if kind == "short":
        return Label(-1.0, [[0.0] * 3])
    forces = [[0.1 * x for x in row] for row in structure.positions]
    mean = [sum(column) / len(forces) for column in zip(*forces, strict=True)]
    return Label(
        sum(x * x for row in structure.positions for x in row) / 3,
        [[x - m for x, m in zip(row, mean, strict=True)] for row in forces],
        extra={"gap": 0.1},
    )
