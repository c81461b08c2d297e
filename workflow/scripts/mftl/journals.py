"""Journals: every result of labelling as it came, one JSON object in a line, so that none is computed twice.

Journals are files ``*.jsonl`` of one folder; each is written by one job and read by all.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from mftl.inputs import InputError
from mftl.workers import Answer

KEY_LENGTH = 32  # hexadecimal digits


def key_of(atoms: Atoms, level: str) -> str:
    """What a structure's result is found by: a hash of id, geometry and ``level``, all that makes a label."""
    digest = hashlib.sha256(f"{atoms.info['id']}\n{level}\n".encode())
    for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:KEY_LENGTH]


class Journal:
    """A journal to write to: what ``append`` is given is in the file when it returns."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> "Journal":
        self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def append(self, about: dict[str, Any], answer: Answer) -> None:
        """Add an answer, and what it is about. Raises OSError, with no half line in the file, if the disk is full."""
        said = answer.line.strip() or json.dumps(answer).encode()  # what a worker said is not put into words again
        line = memoryview(json.dumps(about).encode()[:-1] + b", " + said[1:] + b"\n")
        end = self._file.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            self._file.truncate(end)  # no half lines on a full disk
            raise


@contextmanager
def full_disk_is_the_users(path: Path) -> Iterator[None]:
    """Turn the error of a full disk into an InputError: nothing is lost, but only the user can make room."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"no space left on the disk ({error.filename or path}); what is finished is kept. Make room, call again"
        ) from None


def mend(path: Path) -> None:
    """Remove a last line that a kill cut short; its structure is computed again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with path.open("r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def read_all(folder: Path, keys: set[str]) -> dict[str, dict[str, Any]]:
    """Finished results with one of these keys, from all journals of a folder, which others may be writing to.

    Of several with one key, a label counts more than a failure, and a later failure more than an earlier one.
    """
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.partition('"key": "')[2][:KEY_LENGTH] not in keys:
                    continue
                try:
                    entry = json.loads(line)
                except ValueError:  # still being written
                    continue
                known = entries.get(entry["key"])
                if known is None or ("failed" in known and ("failed" not in entry or entry["round"] >= known["round"])):
                    entries[entry["key"]] = entry
    return entries
