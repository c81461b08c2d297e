"""What every script of the workflow shares: its log, how it fails, and the record of what it did."""

import errno
import logging
import os
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from mftl import provenance
from mftl.inputs import FULL, InputError

CALL = "MFTL_CALL"  # the variable in which a script finds the call of Snakemake that started it
MORE_MEMORY = (
    "Give the job more (on a cluster mem_mb in slurm/config.yaml, here fewer --cores) or less to hold at once "
    "(batch_size, labels.workers), then call again."
)
MORE_GPU_MEMORY = (
    "It is the GPU's memory that is full, not the host's: mem_mb and another try change nothing. Compute less at once "
    "(training.batch_size, prediction.edges, a protocol's replicas, fewer jobs on one GPU) or on a larger GPU, then "
    "call again."
)
GPU = ("cuda", "cublas", "cusolver", "hip out")  # in what torch says of a GPU


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a script's body with its log: messages, warnings and progress bars go to the rule's log file.

    Beside the outputs a record of the job is left (``mftl.provenance``). An InputError, a full disk or too little
    memory ends the job with a message alone; anything else leaves its traceback in the log. The job ends when the
    call of Snakemake ends that started it, however that ends: another call may be about to write the same files.
    """
    terminal = sys.stderr
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    if call := os.environ.get(CALL):
        threading.Thread(target=_end_with, args=(call,), daemon=True).start()
    with path.open("w", encoding="utf-8") as log, redirect_stderr(log):
        logging.basicConfig(stream=log, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
        logging.captureWarnings(True)
        warnings.filterwarnings("ignore", message=".*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD.*")
        try:
            record = provenance.begin(snakemake) if hasattr(snakemake, "rule") else None
            yield
            if record:
                provenance.finish(record, snakemake)
        except InputError as error:
            logging.error("%s", error)
            print(f"\n{error}\n", file=terminal, flush=True)
            _leave(log)
        except Exception as error:
            told = _what_to_do(error)
            if told is None:
                told = f"{type(error).__name__}: {error} (traceback in {path})"
                with suppress(OSError):
                    traceback.print_exc(file=log)
            print(f"\n{told}\n", file=terminal, flush=True)
            _leave(log)


def _what_to_do(error: Exception) -> str | None:
    """What a user is told of a full disk or too little memory; None of any other error."""
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return f"{error}\nMake room, then call again: what is finished is kept."
    text = str(error).lower()
    full = any(words in text for words in ("out of memory", "allocate memory", "alloc_failed"))
    if isinstance(error, MemoryError) or number == errno.ENOMEM or full:
        advice = MORE_GPU_MEMORY if any(word in text for word in GPU) else MORE_MEMORY
        return f"out of memory: {' '.join(str(error).split())[:200] or type(error).__name__}\n{advice}"
    return None


def explain(logs: str | list[str]) -> None:
    """Say, after a call that failed, what its log alone does not tell."""
    texts = []
    for log in [logs] if isinstance(logs, str) else logs:  # which of the two depends on Snakemake's release
        with suppress(OSError):
            texts.append(Path(log).read_text(encoding="utf-8", errors="replace"))
    if any("Signals.SIGKILL" in text for text in texts):
        print(f"\nA job was killed from outside (SIGKILL). Most often memory ran out. {MORE_MEMORY}", file=sys.stderr)


def _leave(log: TextIO) -> NoReturn:
    """End with exit code 1, even if the log lies on a full disk."""
    try:
        log.flush()
    except OSError:
        os._exit(1)  # closing the log would raise again
    sys.exit(1)


def process(number: int) -> str | None:
    """What tells a process from all others, here and on other machines; None if it ended, or if that cannot be said."""
    with suppress(OSError):  # or no /proc
        state, *fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return None if state == "Z" else f"{socket.gethostname()} {number} {fields[18]}"
    return None


def _end_with(call: str) -> None:
    """End this process once the call that started it has ended, unless that was on another machine."""
    host, number, _ = call.split()
    while host == socket.gethostname():
        if process(int(number)) != call:
            os._exit(1)
        time.sleep(0.5)
