"""Hashes of the code a script runs, for Snakemake's params.

Of itself Snakemake looks at a script's time, not its content, and at none of its imports: a copied folder would run
again, and an edited module would not. Its trigger `code` is off (profiles/default).
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent
# what writes down and reports how a job went; no result depends on it
BOOKKEEPING = {f"mftl/{name}.py" for name in ("__init__", "citations", "inputs", "jobs", "locks", "provenance")}


@cache
def source_hash(script: str, *modules: str) -> str:
    """A hash of a script and of all ``mftl`` modules that it imports, directly or through others, but bookkeeping.

    ``script``: its name in workflow/scripts, without ``.py``; ``modules``: others that count with it.
    """
    digest = hashlib.sha256()
    own = {SCRIPTS / f"{script}.py", *(SCRIPTS.joinpath(*one.split(".")).with_suffix(".py") for one in modules)}
    for path in sorted(own.union(*(_imported(one, set()) for one in own))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _imported(path: Path, seen: set[Path]) -> set[Path]:
    """Files of the ``mftl`` modules that a file imports, recursively."""
    for file in _imports(path) - seen:
        seen.add(file)
        _imported(file, seen)
    return seen


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Files of the ``mftl`` modules that a file itself imports, wherever in it."""
    found = set()
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
                if candidate.is_file() and str(candidate.relative_to(SCRIPTS)) not in BOOKKEEPING:
                    found.add(candidate)
    return frozenset(found)
