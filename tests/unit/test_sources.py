"""Source hashes: a script's hash changes with every module it reaches, and with no other."""

import shutil
from pathlib import Path

import pytest

from mftl import sources


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    shutil.copytree(Path(sources.__file__).parents[1], tmp_path / "scripts")
    monkeypatch.setattr(sources, "SCRIPTS", tmp_path / "scripts")
    sources.source_hash.cache_clear()
    yield tmp_path / "scripts"
    sources.source_hash.cache_clear()


def test_a_script_itself_counts(scripts):
    before = hashes()
    path = scripts / "train.py"
    path.write_text(path.read_text() + "# a comment\n")
    assert [name for name, one in hashes().items() if one != before[name]] == ["train"]


def hashes():
    sources.source_hash.cache_clear()
    return {name: sources.source_hash(name) for name in ("train", "predict", "evaluate", "plot_learning_curves")}


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("training", {"train"}),
        ("prediction", {"train", "predict"}),  # training validates as it predicts
        ("jobs", set()),
        ("provenance", set()),
        ("states", {"predict"}),
        ("graphs", {"train", "predict"}),
        ("plotting/learning_curves", {"plot_learning_curves"}),
        ("errors", {"evaluate"}),
        ("labels", set()),
        ("engines/tblite", set()),
        ("structures", {"train", "predict", "evaluate"}),
    ],
)
def test_only_scripts_that_import_a_module_change(scripts, module, changed):
    before = hashes()
    path = scripts / "mftl" / f"{module}.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    after = hashes()
    assert {name for name in before if before[name] != after[name]} == changed
