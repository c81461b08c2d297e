"""Who imports what: the Snakefile neither torch nor ASE, and no script torch that does not compute with it."""

import subprocess
import sys
from pathlib import Path

from mftl import sources

SCRIPTS = Path(sources.__file__).parents[1]


def loaded(modules: list[str]) -> set[str]:
    """Top-level packages in memory after importing modules in a new process."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def imports_of(script: str) -> list[str]:
    """The mftl modules a script reaches."""
    paths = sources._imported(SCRIPTS / f"{script}.py", set())
    return [".".join(path.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def test_snakefile_imports_neither_torch_nor_ase():
    found = loaded(["mftl.checks", "mftl.recipe", "mftl.sources", "mftl.engines"])
    assert not found & {"torch", "ase", "mace", "pandas", "pyscf", "tblite", "rdkit"}


COMPUTE = ("train", "predict", "compare_structures", "export_model", "dynamics", "measure_phonons")


def test_scripts_leave_torch_alone():
    """All in one process: only if torch is there are they asked one by one."""
    scripts = {path.stem: imports_of(path.stem) for path in SCRIPTS.glob("*.py") if path.stem not in COMPUTE}
    assert len(scripts) > 20
    if "torch" in loaded(["pandas", *sorted(set().union(*scripts.values()))]):
        guilty = [name for name, modules in scripts.items() if "torch" in loaded(["pandas", *modules])]
        assert not guilty
