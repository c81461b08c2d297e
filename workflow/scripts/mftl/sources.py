"""Hashes of the code a script runs, for Snakemake's params.

Of itself Snakemake looks at a script's time, not its content, and at none of its imports: a copied folder would run
again, and an edited module would not. Its trigger `code` is off (profiles/default).

Code counts as it runs. The hash is of the syntax tree without docstrings, without what only type checkers read, and
without the ``description`` of a ``Field``, which documents a key of the configuration: a comment, a better sentence or
another line break makes no model anew. The tree is written down in our own way, not by ``ast.dump``, whose text differs
between Python 3.11, 3.12 and 3.13 (new fields, all empty here); these three agree on it. A later Python that parses the
same code into another tree would make everything run again.
"""

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent.parent
# what finds modules, writes down and reports how a job went, and this; no result depends on it
BOOKKEEPING = {
    "mftl",
    *(
        f"mftl.{name}"
        for name in ("citations", "families", "inputs", "jobs", "locks", "provenance", "registry", "sources")
    ),
}
# what says where a name stands or how a string was written, or is never set
IGNORED = {"ctx", "kind", "type_comment", "type_ignores"}
BODIES = {"body", "orelse", "finalbody"}


@cache
def source_hash(script: str, *modules: str) -> str:
    """A hash of a script and of all ``mftl`` modules that it imports, directly or through others, but bookkeeping.

    ``script``: its name in workflow/scripts, without ``.py``. ``modules``: those that it finds by name while it runs,
    such as ``mftl.plotting.stability``; with all that they import they count as well.
    Raises ModuleNotFoundError if there is no such module. None of them is imported, at most the packages above
    ``modules``. Of a package that is only passed on the way to a module the file ``__init__.py`` does not count.
    """
    digest = hashlib.sha256(file_hash(SCRIPTS / f"{script}.py"))
    for _, path in sorted(reached(script, *modules).items()):
        digest.update(file_hash(path))
    return digest.hexdigest()[:16]


def reached(script: str, *modules: str) -> dict[str, Path]:
    """Names and files of the ``mftl`` modules that count for a script; see ``source_hash``."""
    found: dict[str, Path] = {}
    for name in modules:
        if (path := _file(name) or _elsewhere(name)) is None:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)
        found[name] = path
    todo = [SCRIPTS / f"{script}.py", *found.values()]
    while todo:
        for name in imports(todo.pop()):
            above = found.get(name.rpartition(".")[0])
            if name in found or name in BOOKKEEPING or (above and above.name != "__init__.py"):
                continue  # the last: what is imported is no module, but from one
            if path := _file(name):
                found[name] = path
                todo.append(path)
    return found


def file_hash(path: str | Path) -> bytes:
    """A hash of a file: of Python code as it runs, of anything else byte for byte."""
    path = Path(path)
    return _contents(path)[0] if path.suffix == ".py" else hashlib.sha256(path.read_bytes()).digest()


def imports(path: str | Path) -> tuple[str, ...]:
    """Names that a Python file imports from ``mftl``, wherever in it; of ``from a import b`` both a and a.b.

    Not all are modules. What only type checkers read is left out.
    """
    return _contents(Path(path))[1]


def _file(name: str) -> Path | None:
    """The file of an ``mftl`` module; None if that is none. A package is looked for where it was extended to, too."""
    package, _, own = name.rpartition(".")
    for folder in (SCRIPTS.joinpath(*package.split(".")), *getattr(sys.modules.get(package), "__path__", ())):
        for path in (f"{folder}/{own}.py", f"{folder}/{own}/__init__.py"):
            if os.path.isfile(path):
                return Path(path)
    return None


def _elsewhere(name: str) -> Path | None:
    """The file of a module in a package that is yet to be imported and may then extend to other folders."""
    spec = find_spec(name)
    return Path(spec.origin) if spec and spec.origin else None


def _contents(path: Path) -> tuple[bytes, tuple[str, ...]]:
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


@cache
def _parsed(path: Path, _time: int, _size: int) -> tuple[bytes, tuple[str, ...]]:
    """Hash and imports of a Python file, read again only when it was written again."""
    parts: list[str] = []
    found: list[ast.Import | ast.ImportFrom] = []
    _write(ast.parse(path.read_bytes()), parts, found)
    names = dict.fromkeys(name for node in found for name in _names(node))
    return hashlib.sha256(" ".join(parts).encode()).digest(), tuple(names)


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "mftl")
    elif node.module and not node.level and node.module.split(".")[0] == "mftl":
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _write(node: Any, parts: list[str], found: list[ast.Import | ast.ImportFrom]) -> None:
    """Write a syntax tree into ``parts``: names of nodes and of fields that are not empty; ``found`` gets its imports.

    One flat list: nested ones would keep Python's garbage collection busier than all else here.
    """
    kind = type(node)
    if kind is ast.Constant:
        parts.append("=" + ascii(node.value))
        return
    if kind is ast.Import or kind is ast.ImportFrom:
        found.append(node)
    elif kind is ast.JoinedStr:
        node.values = _joined(node.values)
    elif kind is ast.Call and _is_named(node.func, "Field"):
        node.keywords = [one for one in node.keywords if one.arg != "description"]
    parts.append("(" + kind.__name__)
    for name in kind._fields:
        value = getattr(node, name, None)
        if value is None or name in IGNORED:
            continue
        if type(value) is list:
            if name in BODIES:
                value = [one for one in value if _runs(one)]
            if value:
                parts.append(name + "[")
                for one in value:
                    if isinstance(one, ast.AST):
                        _write(one, parts, found)
                    else:
                        parts.append(str(one))
                parts.append("]")
        elif isinstance(value, ast.AST):
            if type(value) is not ast.JoinedStr or _joined(value.values) or name != "format_spec":
                parts.append(name)
                _write(value, parts, found)
        else:
            parts.append(f"{name} {value}")
    parts.append(")")


def _joined(values: list[Any]) -> list[Any]:
    """Parts of an f-string; Python versions divide the text between the values differently."""
    joined: list[Any] = []
    for one in values:
        if type(one) is ast.Constant:
            text = one.value
            if joined and type(joined[-1]) is ast.Constant:
                text = joined.pop().value + text
            if text:
                joined.append(ast.Constant(text))
        else:
            joined.append(one)
    return joined


def _runs(node: Any) -> bool:
    """Whether a part of a body does anything: not a string that stands alone, nor what only type checkers read."""
    if type(node) is ast.Expr:
        return type(node.value) is not ast.Constant or type(node.value.value) is not str
    return type(node) is not ast.If or bool(node.orelse) or not _is_named(node.test, "TYPE_CHECKING")


def _is_named(node: ast.AST, name: str) -> bool:
    return name in (getattr(node, "id", None), getattr(node, "attr", None))
