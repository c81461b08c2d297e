"""Who imports what: no module one that imports it, the Snakefile neither torch nor ASE, no script torch without need.

And none grows beyond what one can read in one go.
"""

import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from mftl import sources

SCRIPTS = Path(sources.__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((SCRIPTS / "mftl").rglob("*.py"))
}
LONGEST = 400  # lines


def loaded(modules: list[str]) -> set[str]:
    """Top-level packages in memory after importing modules in a new process."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def imports_of(script: str) -> list[str]:
    """The mftl modules a script reaches."""
    return [*sources.reached(script)]


def test_snakefile_imports_neither_torch_nor_ase():
    found = loaded(["mftl.setup", *(name for name in MODULES if name.startswith("mftl.plan.")), "mftl.figures"])
    assert not found & {"torch", "ase", "mace", "pandas", "pyscf", "tblite", "rdkit"}


COMPUTE = (
    "train",
    "predict",
    "compare_structures",
    "export_last_layer",
    "export_model",
    "dynamics",
    "cost",
    "select_structures",
    "advise",
)


def test_scripts_leave_torch_alone():
    """All in one process: only if torch is there are they asked one by one."""
    scripts = {path.stem: imports_of(path.stem) for path in SCRIPTS.glob("*.py") if path.stem not in COMPUTE}
    assert len(scripts) >= 20
    if "torch" in loaded(["pandas", *sorted(set().union(*scripts.values()))]):
        guilty = [name for name, modules in scripts.items() if "torch" in loaded(["pandas", *modules])]
        assert not guilty


def test_tables_and_drawings_leave_torch_alone():
    """All but those for which models are run (``MEASURED`` of a kind of figures)."""
    names = [name for name in MODULES if name.startswith(("mftl.plotting.", "mftl.tables."))]
    measured = {f"mftl.tables.{name}" for name in ("bond_scans", "dimers", "last_layer", "phonons", "structure_search")}
    assert "torch" not in loaded([name for name in names if name not in measured])


def imported_modules(name: str) -> set[str]:
    """What a module imports of ``mftl``, at its top or in a function; of ``from package import module`` the module."""
    names = sources.imports(MODULES[name])
    found = {one for one in names if one in MODULES}
    # a package that only stands before the module that is meant
    passed = {one for one in found if names_from(one, names) and names_from(one, names) <= found}
    return found - passed - {name}


def names_from(package: str, names: tuple[str, ...]) -> set[str]:
    """The names that are imported from a package or module."""
    return {one for one in names if one.rpartition(".")[0] == package}


def test_no_module_imports_one_that_imports_it():
    graph = {name: imported_modules(name) for name in MODULES}
    assert graph["mftl.labels"] >= {"mftl.engines", "mftl.journals", "mftl.workers"}
    assert "mftl.engines" in graph["mftl.provenance"]  # in a function
    assert "mftl.config.whole" not in graph["mftl.figures.base"]  # for type checkers alone
    assert "mftl" not in graph["mftl.labels"] and "mftl" in graph["mftl.provenance"]
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_module_is_too_long():
    long = {name for name, path in MODULES.items() if len(path.read_text().splitlines()) > LONGEST}
    assert long == set()
