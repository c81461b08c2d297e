"""A quick look into extended XYZ files, without ASE: the Snakefile counts structures on every call."""

import lzma
import re
from functools import lru_cache
from pathlib import Path
from typing import IO

from mftl.inputs import InputError

_PBC = re.compile(r"""(?:^|\s)pbc=["']?([TF][TFa-z, ]*)""")
_ID = re.compile(r"""(?:^|\s)id=(?:"([^"]*)"|(\S+))""")


def is_extxyz(path: str | Path) -> bool:
    """Whether a file's name says that it is extended XYZ, perhaps compressed: .xyz, .extxyz, .xyz.xz, .extxyz.xz."""
    return Path(str(path).removesuffix(".xz")).suffix in (".extxyz", ".xyz")


def is_compressed(path: str | Path) -> bool:
    """Whether a file's name says that it is compressed."""
    return Path(path).suffix == ".xz"


def stem(path: str | Path) -> str:
    """A file's name without its endings: the first part of ids that the file does not give."""
    return Path(str(path).removesuffix(".xz")).stem


def read_ids(path: str | Path) -> list[str]:
    """Ids of the structures in an extended XYZ file, in order; ``<stem>-000000`` and so on where they have none.

    Raises InputError naming the file and the place where a structure is cut short.
    """
    path = Path(path)
    return list(_read(path, path.stat().st_mtime_ns)[0])


def read_places(path: str | Path) -> list[int]:
    """Where each structure of an extended XYZ file begins, in bytes of the unpacked file, and where the last one ends.

    Raises InputError as ``read_ids`` does.
    """
    path = Path(path)
    return list(_read(path, path.stat().st_mtime_ns)[2])


def first_periodic(path: str | Path, periodic: bool = True) -> str | None:
    """Id of the first structure in an extended XYZ file that is periodic, as ASE would see it; None if none is.

    With ``periodic=False``: of the first that is not. Raises InputError as ``read_ids`` does.
    """
    path = Path(path)
    return _read(path, path.stat().st_mtime_ns)[1].get(periodic)


def read_info(path: str | Path, key: str) -> list[str | None]:
    """The text of an info key of each structure in an extended XYZ file, in order; None where it is not there."""
    path = Path(path)
    return list(_read_info(path, key, path.stat().st_mtime_ns))


@lru_cache(maxsize=16)
def _read_info(path: Path, key: str, _modified: int) -> tuple[str | None, ...]:
    pattern = re.compile(rf"""(?:^|\s){re.escape(key)}=(?:"([^"]*)"|(\S+))""")
    values = []
    with open_bytes(path) as file:
        while line := file.readline():
            if not line.strip():
                continue
            match = pattern.search(file.readline().decode())
            values.append((match[1] or match[2]) if match else None)
            for _ in range(int(line)):
                file.readline()
    return tuple(values)


@lru_cache(maxsize=64)
def _read(path: Path, _modified: int) -> tuple[tuple[str, ...], dict[bool, str], tuple[int, ...]]:
    try:
        return _parse(path)
    except (EOFError, lzma.LZMAError) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}; is it truncated?") from None


def open_bytes(path: Path) -> IO[bytes] | lzma.LZMAFile:
    """Open a file, which may be compressed."""
    return lzma.open(path, "rb") if is_compressed(path) else path.open("rb")


def _parse(path: Path) -> tuple[tuple[str, ...], dict[bool, str], tuple[int, ...]]:
    ids: list[str] = []
    first: dict[bool, str] = {}
    places, place = [], 0
    with open_bytes(path) as file:
        while line := file.readline():
            start, place = place, place + len(line)
            if not line.strip():
                continue
            try:
                count = int(line)
            except ValueError:
                found = line.decode(errors="replace").strip()[:40]
                raise InputError(
                    f"{path}: expected a number of atoms after structure {len(ids)}, found {found!r}"
                ) from None
            text = file.readline()
            place, comment = place + len(text), text.decode()
            match = _ID.search(comment)
            ids.append((match[1] or match[2]) if match else f"{stem(path)}-{len(ids):06d}")
            first.setdefault(_is_periodic(comment), ids[-1])
            places.append(start)
            for _ in range(count):
                row = file.readline()
                if not row.strip():
                    raise InputError(f"{path}: the file ends in the middle of structure {ids[-1]}; is it truncated?")
                place += len(row)
    return tuple(ids), first, (*places, place)


def _is_periodic(comment: str) -> bool:
    """A lattice makes a structure periodic unless `pbc` says otherwise."""
    match = _PBC.search(comment)
    return "T" in match[1] if match else "Lattice=" in comment
