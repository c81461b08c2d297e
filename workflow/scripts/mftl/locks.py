"""Snakemake's lock of the folder after a kill.

A call that is killed leaves its lock behind, and every later one is refused until ``snakemake --unlock``. Here each
call also holds a lock of the operating system, which no kill leaves behind. If that can be had although Snakemake's
is there, nobody works in the folder, and Snakemake's is removed, as ``--unlock`` does it.
"""

import atexit
import fcntl
import os
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO


def enter(folder: str | Path = ".snakemake") -> bool:
    """Say that a call works here, until the process ends; remove what a killed one left. Whether there was something.

    Locks of the operating system may not reach other machines that share the folder. So what was left is removed only
    if all calls that did not end by themselves were on this machine.
    """
    folder, held = Path(folder), None
    try:
        folder.mkdir(exist_ok=True)
        held = (folder / f"mftl.{socket.gethostname()}.running").open("a+", encoding="utf-8")
        alone = _lock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elsewhere = [path for path in folder.glob("mftl.*.running") if path.stat().st_size and path.name != _name(held)]
        held.seek(0)
        killed = alone and bool(held.read()) and not elsewhere and any((folder / "locks").glob("*.lock"))
        if killed:
            shutil.rmtree(folder / "locks")
            print("An earlier call in this folder was killed. Its lock is removed; this one goes on.", file=sys.stderr)
        if alone:
            held.truncate(0)
            held.write("a call runs on this machine, or was killed\n")
            held.flush()
        _lock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # a file system without locks, a folder that cannot be written
        return False
    atexit.register(_leave, held, os.getpid())
    return killed


def _name(file: TextIO) -> str:
    return Path(file.name).name


def _lock(file: TextIO, how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return True


def _leave(file: TextIO, process: int) -> None:
    """Note that this call ended by itself, unless another one still works here."""
    with suppress(OSError):
        if os.getpid() == process and _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            file.truncate(0)
