"""Pins agree wherever they are written."""

import re
from pathlib import Path

import yaml

from mftl import engines

ROOT = Path(__file__).parents[2]
PLUGIN = re.compile(r"snakemake-executor-plugin-slurm==[\d.]+")


def test_conda_environment_agrees_with_requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = {line for line in lines if line and not line.startswith("#")}
    environment = yaml.safe_load((ROOT / "envs" / "mftl.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert set(pip) == pinned
    assert all("==" in line for line in pinned)


def test_the_environment_with_dftb_agrees_too():
    """Fewer packages, the same pins, and the release that the data was computed with."""
    from mftl.verification import VERSIONS

    pinned = set((ROOT / "requirements.txt").read_text().splitlines())
    dependencies = yaml.safe_load((ROOT / "envs" / "dftbplus.yaml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert set(pip) < pinned
    assert f"dftbplus={VERSIONS['dftb+']}=nompi_*" in dependencies
    assert f"pyscf=={VERSIONS['pyscf-dft']}" in pip


def test_the_environment_with_gpaw_agrees_too():
    pinned = set((ROOT / "requirements.txt").read_text().splitlines())
    dependencies = yaml.safe_load((ROOT / "envs" / "gpaw.yaml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert set(pip) < pinned
    assert any(str(one).startswith("gpaw=") for one in dependencies)


def test_the_environment_of_a_cluster_has_all_that_jobs_need():
    """What models need, DFTB+, and the plugin for Slurm."""
    own, pip = _read("cluster")
    dftbplus, models = _read("mftl-dftbplus")
    assert own == dftbplus and set(pip) - set(models) == set(PLUGIN.findall("\n".join(pip)))
    assert set(models) <= set(pip) and PLUGIN.findall((ROOT / "requirements-dev.txt").read_text()) == [pip[-1]]


def _read(name: str) -> tuple[list[str], list[str]]:
    """Packages of an environment that conda installs, and those that pip does."""
    *packages, pip = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    return packages, pip["pip"]


def test_every_rule_names_an_environment_that_exists():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        assert text.count("\n    conda:\n") == text.count("\n    script:\n"), path.name  # who runs code
        for name in re.findall(r'"(\.\./\.\./envs/[^"]*)"', text):
            assert (path.parent / name).resolve().is_file(), name
        asked = re.findall(r"\n    conda:\n        (.*)", text)
        assert all(one.startswith('"../../envs/') or re.fullmatch(r"of\(\w+\.\w*environment\)", one) for one in asked)
    for name in engines.sections():  # what those functions answer
        for with_models in (False, True):
            assert (ROOT / "envs" / engines.environment(name, with_models)).is_file(), name


def test_tools_are_pinned_and_hooks_run_what_make_lint_runs():
    """Hooks take the programs of .venv, so that they cannot differ from those pinned."""
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith(("#", "-r")))
    assert len(pinned) == len([line for line in lines if line and not line.startswith(("#", "-r"))])
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local" and {hook["id"] for hook in local["hooks"]} == {"ruff", "ruff-format", "snakefmt"}
    for hook in local["hooks"]:
        program = re.match(r"\.venv/bin/(\w+)( format| check|$)", hook["entry"])
        assert hook["language"] == "system" and program[1] in pinned
        assert f"$(BIN)/{program[1]}{program[2]} " in lint
    assert "mypy" in pinned and "$(BIN)/mypy\n" in lint


def test_continuous_integration_calls_make_on_the_required_python():
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert job["strategy"]["matrix"]["command"] == ["lint", "test", "docs"]
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text() and 'python-version: "3.11"' in text
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"lint", "test", "docs"} <= set(targets) and job["steps"][-1]["run"] == "make ${{ matrix.command }}"
