"""A quick look into extended XYZ files, without ASE: the Snakefile counts structures on every call."""

import re
from functools import lru_cache
from pathlib import Path

from mftl.inputs import InputError

_ID = re.compile(r"""(?:^|\s)id=(?:"([^"]*)"|(\S+))""")


def read_ids(path: str | Path) -> list[str]:
    """Ids of the structures in an extended XYZ file, in order; ``<stem>-000000`` and so on where they have none.

    Raises InputError naming the file and the place where a structure is cut short.
    """
    path = Path(path)
    return list(_read_ids(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=64)
def _read_ids(path: Path, _modified: int) -> tuple[str, ...]:
    ids = []
    with path.open(encoding="utf-8") as file:
        while line := file.readline():
            if not line.strip():
                continue
            try:
                count = int(line)
            except ValueError:
                raise InputError(
                    f"{path}: expected a number of atoms after structure {len(ids)}, found {line.strip()[:40]!r}"
                ) from None
            match = _ID.search(file.readline())
            ids.append((match[1] or match[2]) if match else f"{path.stem}-{len(ids):06d}")
            for _ in range(count):
                if not file.readline().strip():
                    raise InputError(f"{path}: the file ends in the middle of structure {ids[-1]}; is it truncated?")
    return tuple(ids)
