"""Which elements a model file knows, read without torch and without running what the file names.

A file that torch saves is a zip archive: ``data.pkl`` holds the objects, other members the numbers of tensors.
"""

import pickle
import struct
import zipfile
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

from mftl.symbols import SYMBOLS


def elements_of(path: str | Path) -> list[str] | None:
    """Chemical symbols that a MACE model knows, in its order; None if there is no such file or it cannot be told.

    A file of another form is no mistake here: whoever loads it says what is wrong with it.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError:
        return None
    return _elements(path, state.st_mtime_ns, state.st_size)


@cache
def _elements(path: Path, modified: int, size: int) -> list[str] | None:
    """``elements_of`` an unchanged file, read once."""
    try:
        with zipfile.ZipFile(path) as archive:
            objects = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(objects) as file:
                storage, offset, (count,) = _Reader(file).load().state["_buffers"]["atomic_numbers"]
            raw = archive.read(f"{objects.removesuffix('data.pkl')}data/{storage}")
        return [SYMBOLS[number] for number in struct.unpack_from(f"<{count}q", raw, 8 * offset)]
    except Exception:  # whatever a foreign pickle may come to
        return None


class _Anything:
    """Stands for each object of the pickle: keeps its state and forgets all else."""

    state: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> "_Anything":
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass


class _Reader(pickle.Unpickler):
    """Reads a pickle without importing or calling anything that it names."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_rebuild_tensor_v2":
            return _tensor
        return OrderedDict if name == "OrderedDict" else _Anything

    def persistent_load(self, identity: Any) -> Any:
        return identity[2]  # of ("storage", type, key, device, numbers)


def _tensor(storage: str, offset: int, shape: tuple[int, ...], *rest: Any) -> tuple[str, int, tuple[int, ...]]:
    """Where a tensor's numbers are: the name of a member, the first number's place in it, the shape."""
    return storage, offset, shape
