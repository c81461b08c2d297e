"""Which of several GPUs a job computes on: jobs on one machine spread over them."""

import fcntl
import itertools
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

_held: list[TextIO] = []  # locks end with the process


@cache
def take(count: int) -> int:
    """Index, below ``count``, of a GPU on which fewest jobs of this user run; taken until this process ends.

    Of the GPUs that ``CUDA_VISIBLE_DEVICES`` lets torch see, if that is set (as Slurm does for each job): a lock has
    the name that a GPU has there, so that an index means the same GPU to all. Where locks do not work, the first.
    """
    visible = [one.strip() for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    names = visible if len(visible) == count else [str(index) for index in range(count)]
    folder = Path(tempfile.gettempdir())
    try:
        for turn in itertools.count():
            for index, name in enumerate(names):
                if _lock(folder / f"mftl-{os.getuid()}-gpu-{name}.{turn}.lock"):
                    return index
    except OSError:
        pass
    return 0


def _lock(path: Path) -> bool:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    except OSError:
        file.close()
        raise
    _held.append(file)
    return True
