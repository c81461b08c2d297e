"""Plugs: found by the folder of their family, one for each tag."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mftl import engines, figures, modes, pools, registry
from mftl.figures.base import Figure
from mftl.inputs import InputError

KIND = """
from typing import Literal
from mftl.figures.base import Figure

class One(Figure):
    kind: Literal["{tag}"]
"""


def test_sections_of_each_family_are_complete():
    """A module that is no base of others is a plug; a package is one with a module `section`."""
    folder = Path(registry.__file__).parent
    for family, shared, found in (
        ("figures", {"base", "errors", "parents", "parity", "simulated_panels", "simulations"}, figures.sections()),
        ("pools", {"base", "file", "dataset", "molecule"}, pools.sections()),
        ("engines", {"worker"}, engines.sections()),
        ("modes", {"base"}, modes.sections()),
    ):
        own = folder / family
        files = {path.stem for path in own.glob("*.py")} | {path.parent.name for path in own.glob("*/section.py")}
        plugs = {registry.module_of(section).rpartition(".")[2] for section in found.values()}
        assert plugs - shared == files - shared - {"__init__"}


def test_each_kind_of_figure_has_a_drawing_and_each_key_of_a_mode_its_counterpart():
    folder = Path(registry.__file__).parent
    for section in figures.sections().values():
        assert (folder / "plotting" / f"{section.__module__.rpartition('.')[2]}.py").is_file()
    assert {path.stem for path in (folder / "training/ways").glob("*.py")} == {
        "__init__",
        "joint",
        *modes.sections(),
    }  # joint: of stages


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A function that writes kinds of figures, {module: tag}, into a folder that counts as one of the family's."""
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])

    def write(kinds: dict[str, str]) -> None:
        for name, tag in kinds.items():
            monkeypatch.delitem(sys.modules, f"mftl.figures.{name}", raising=False)
            (tmp_path / f"{name}.py").write_text(KIND.format(tag=tag))

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"mftl.figures.{path.stem}", None)


def test_a_plug_in_another_folder_is_found(family):
    family({"extra_one": "one"})
    assert registry.sections("mftl.figures", Figure, "kind").keys() == {*figures.sections(), "one"}


@pytest.mark.parametrize("kinds", [{"extra_two": "two", "extra_three": "two"}, {"extra_four": "stability"}])
def test_two_plugs_with_one_tag_are_refused(family, kinds):
    family(kinds)
    with pytest.raises(ImportError, match=rf"mftl\.figures\..*both call themselves {[*kinds.values()][-1]}"):
        registry.sections("mftl.figures", Figure, "kind")


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"extensions.0: got 'nowhere'; valid: a folder that exists"):
        registry.extend(["nowhere"])


def test_processes_that_are_started_see_the_plugs(tmp_path):
    """A configuration's extensions count in its jobs and their workers, of each family."""
    for family in ("figures", "plotting", "tables", "training/ways"):
        (tmp_path / family).mkdir(parents=True)
        (tmp_path / family / "own.py").write_text(KIND.format(tag="own") if family == "figures" else "")
    code = (
        "import subprocess, sys\nfrom mftl import registry\nregistry.extend([sys.argv[1]])\n"
        "from mftl import figures\nassert figures.sections()['own'].__module__ == 'mftl.figures.own'\n"
        "names = 'mftl.figures.own, mftl.plotting.own, mftl.tables.own, mftl.training.ways.own'\n"
        "subprocess.run([sys.executable, '-c', 'import ' + names], check=True)"
    )
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
