"""What every script of the workflow shares: its log, and how it fails."""

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from mftl.inputs import InputError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a script's body with its log: messages, warnings and progress bars go to the rule's log file.

    An InputError or a full disk ends the job with its message alone; anything else leaves its traceback in the log.
    """
    terminal = sys.stderr
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log, redirect_stderr(log):
        logging.basicConfig(stream=log, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
        logging.captureWarnings(True)
        warnings.filterwarnings("ignore", message=".*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD.*")
        try:
            yield
        except InputError as error:
            logging.error("%s", error)
            print(f"\n{error}\n", file=terminal, flush=True)
            _leave(log)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                print(f"\n{error}\nMake room, then call again: what is finished is kept.\n", file=terminal, flush=True)
            else:
                with suppress(OSError):
                    traceback.print_exc(file=log)
                print(f"\n{type(error).__name__}: {error} (traceback in {path})\n", file=terminal, flush=True)
            _leave(log)


def _leave(log: TextIO) -> NoReturn:
    """End with exit code 1, even if the log lies on a full disk."""
    try:
        log.flush()
    except OSError:
        os._exit(1)  # closing the log would raise again
    sys.exit(1)
