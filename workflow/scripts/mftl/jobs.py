"""What every script of the workflow shares: its log, how it fails, and the record of what it did."""

import errno
import logging
import os
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
from mftl.inputs import InputError

FULL = (errno.ENOSPC, errno.EDQUOT)
SHELLS = ("bash", "sh", "dash")


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
    threading.Thread(target=_end_with, args=(_callers(),), daemon=True).start()
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
            with suppress(OSError):
                traceback.print_exc(file=log)
            print(f"\n{_told(error, path)}\n", file=terminal, flush=True)
            _leave(log)


def _told(error: Exception, log: Path) -> str:
    """What a user is told of an error that is no InputError."""
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return f"{error}\nMake room, then call again: what is finished is kept."
    text = str(error).lower()
    if isinstance(error, MemoryError) or number == errno.ENOMEM or "out of memory" in text or "allocate memory" in text:
        return (
            f"out of memory: {' '.join(str(error).split())[:200] or type(error).__name__}\nGive the job more (mem_mb "
            "in slurm/config.yaml, here fewer --cores) or less to hold at once (batch_size, labels.workers), and call "
            "again."
        )
    return f"{type(error).__name__}: {error} (traceback in {log})"


def _leave(log: TextIO) -> NoReturn:
    """End with exit code 1, even if the log lies on a full disk."""
    try:
        log.flush()
    except OSError:
        os._exit(1)  # closing the log would raise again
    sys.exit(1)


def _callers() -> tuple[int, int]:
    """The process that started this one, and that process's own parent if the former is but a shell; 0 if not."""
    parent = os.getppid()
    with suppress(OSError, ValueError, IndexError):  # no /proc
        name, _, rest = Path(f"/proc/{parent}/stat").read_text().partition("(")[2].rpartition(")")
        if name in SHELLS:
            return parent, int(rest.split()[1])
    return parent, 0


def _end_with(callers: tuple[int, int]) -> NoReturn:
    """End this process once another one is its parent: Snakemake was killed."""
    while _callers() == callers:
        time.sleep(0.5)
    os._exit(1)
