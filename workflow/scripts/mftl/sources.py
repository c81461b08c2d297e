"""Hashes of the code a script runs, for Snakemake's params: it sees changes of a script, but not of what it imports."""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent


@lru_cache
def source_hash(script: str) -> str:
    """A hash of the sources of all ``mftl`` modules that a script imports, directly or through others.

    ``script``: its name in workflow/scripts, without ``.py``. Docstrings and comments count.
    """
    digest = hashlib.sha256()
    for path in sorted(_imported(SCRIPTS / f"{script}.py", set())):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _imported(path: Path, seen: set[Path]) -> set[Path]:
    """Files of the ``mftl`` modules that a file imports, recursively."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] != "mftl":
                continue
            stem = SCRIPTS.joinpath(*name.split("."))
            for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
                if candidate.is_file() and candidate not in seen:
                    seen.add(candidate)
                    _imported(candidate, seen)
    return seen
