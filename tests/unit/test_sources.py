"""Source hashes: a script's hash changes with the code of every module it reaches, and with nothing else."""

import shutil
import sys
from pathlib import Path

import pytest

from mftl import engines, plotting, sources

STATEMENT = "\nADDED = 1\n"
# scripts with the modules that they find by name
JOBS = {
    "train": ("train",),
    "predict": ("predict",),
    "evaluate": ("evaluate", "mftl.tables.errors"),
    "plot": ("plot", "mftl.plotting.learning_curves"),
}


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    shutil.copytree(Path(sources.__file__).parents[1], tmp_path / "scripts")
    monkeypatch.setattr(sources, "SCRIPTS", tmp_path / "scripts")
    sources.source_hash.cache_clear()
    yield tmp_path / "scripts"
    sources.source_hash.cache_clear()


def hashes():
    sources.source_hash.cache_clear()
    return {name: sources.source_hash(*modules) for name, modules in JOBS.items()}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_script_itself_counts(scripts):
    before = hashes()
    append(scripts / "train.py", STATEMENT)
    assert [name for name, one in hashes().items() if one != before[name]] == ["train"]


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("training/run", {"train"}),
        ("training/loss", {"train"}),
        ("prediction", {"train", "predict"}),  # training validates as it predicts
        ("jobs", set()),
        ("provenance", set()),
        ("sources", set()),
        ("states", {"predict"}),
        ("graphs", {"train", "predict"}),
        ("plotting/learning_curves", {"plot"}),
        ("errors", {"evaluate"}),
        ("labels", set()),
        ("engines/tblite/__init__", set()),
        ("structures", {"train", "predict", "evaluate"}),
    ],
)
def test_only_scripts_that_import_a_module_change(scripts, module, changed):
    before = hashes()
    append(scripts / "mftl" / f"{module}.py", STATEMENT)
    after = hashes()
    assert {name for name in before if before[name] != after[name]} == changed


# --- modules that a script finds by name ---------------------------------------------------------------------------


def of_train(*modules: str) -> str:
    sources.source_hash.cache_clear()
    return sources.source_hash("train", *modules)


def test_modules_found_by_name_count_only_where_they_are_named(scripts):
    replay, elements = "mftl.training.ways.replay", "mftl.training.ways.elements"
    before = of_train(), of_train(replay), of_train(elements), of_train(elements, replay)
    assert len(set(before)) == 4
    append(scripts / "mftl/training/ways/replay.py", STATEMENT)
    after = of_train(), of_train(replay), of_train(elements), of_train(elements, replay)
    assert [one != other for one, other in zip(before, after, strict=True)] == [False, True, False, True]


def test_what_a_named_module_imports_counts(scripts):
    module = "mftl.plotting.learning_curves"
    reached = sources.reached("train", module)
    assert module in reached and "mftl.plotting.style" in reached
    before = of_train(module)
    append(scripts / "mftl/plotting/style.py", STATEMENT)
    assert of_train(module) != before


def test_a_module_of_another_folder_is_found_and_not_imported(scripts, tmp_path, monkeypatch):
    folder = tmp_path / "extension"
    folder.mkdir()
    (folder / "extra.py").write_text("from mftl.plotting import helper\nraise RuntimeError('imported')\n")
    (folder / "helper.py").write_text("from mftl import graphs\n")
    with pytest.raises(ModuleNotFoundError, match=r"mftl\.plotting\.extra"):
        of_train("mftl.plotting.extra")
    monkeypatch.setattr(plotting, "__path__", [*plotting.__path__, str(folder)])
    before = of_train("mftl.plotting.extra")
    assert sources.reached("join_figures", "mftl.plotting.extra").keys() >= {"mftl.plotting.helper", "mftl.graphs"}
    append(folder / "helper.py", STATEMENT)
    assert of_train("mftl.plotting.extra") != before
    assert "mftl.plotting.extra" not in sys.modules


# --- code as it runs ------------------------------------------------------------------------------------------------

CODE = '''
"""What it is."""
from typing import TYPE_CHECKING
import pydantic
from pydantic import Field
if TYPE_CHECKING:
    from mftl import models

class Section(pydantic.BaseModel):
    """A section."""
    size: int = Field(1, ge=0, description="how many")
    name: str = pydantic.Field("a", description=f"its {1} name")

def double(x, *, by=2):
    """Twice."""
    text = f"{x!r:>{by}} and {by}" " more"
    return {"a": x * by, None: 1.0, **{}}  # a comment
'''


def digest(folder: Path, text: str) -> bytes:
    path = folder / f"code{len(list(folder.iterdir()))}.py"
    path.write_text(text)
    return sources.file_hash(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # a comment", ""),
        ('    """Twice."""\n', ""),
        ('    """Twice."""\n', '    """Two times."""\n    "and another string"\n'),
        ('"""What it is."""\n', ""),
        ("(x, *, by=2)", "(\n    x,\n    *,\n    by = 2,\n)"),
        ('{"a": x', "{'a': (x)"),
        ('" " more"', ' more"'),
        ('"how many"', '"how many of them"'),
        (', description="how many"', ""),
        ('f"its {1} name"', '"what it is called"'),
        ("    from mftl import models", "    from mftl import graphs"),
        ("if TYPE_CHECKING:\n    from mftl import models\n", ""),
        ("{x!r:>{by}}", "{ x !r:>{by}}"),
    ],
)
def test_what_does_not_run_does_not_count(tmp_path, old, new):
    assert old in CODE
    assert digest(tmp_path, CODE.replace(old, new)) == digest(tmp_path, CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("by=2", "by=3"),
        ("by=2", "by=2.0"),
        ("1.0", "True"),
        ("None: 1.0", "'None': 1.0"),
        ("None: 1.0", "**1.0"),
        ("**{}", "None: {}"),
        ("x * by", "by * x"),
        (" more", " less"),
        ("!r:>", ":>"),
        (":>{", ":<{"),
        ("ge=0", "ge=1"),
        ("double(x", "twice(x"),
        ("import pydantic\n", "import pydantic as other\n"),
        ('pydantic.Field("a", description=', 'pydantic.Other("a", description='),
        ("(x, *, by=2)", "(x, by=2)"),
        ("def double", "async def double"),
        ("    return", "    yield"),
        ('{"a": x', '{b"a": x'),
    ],
)
def test_what_runs_counts(tmp_path, old, new):
    assert old in CODE
    assert digest(tmp_path, CODE.replace(old, new)) != digest(tmp_path, CODE)


def test_a_known_hash(tmp_path):
    """Another Python version, or another way to write the tree down, would make everything run again."""
    assert digest(tmp_path, CODE).hex()[:16] == "f034d6f4c2e0158c"


def test_a_file_is_read_again_when_it_was_written_again(tmp_path):
    path = tmp_path / "code.py"
    path.write_text("a = 1\n")
    before = sources.file_hash(path)
    path.write_text("a = 22\n")
    assert sources.file_hash(path) != before


def test_other_files_count_byte_for_byte_and_engines_as_they_run(tmp_path):
    code, table = tmp_path / "engine.py", tmp_path / "H-H.skf"
    code.write_text("a = 1\n"), table.write_text("1 2 3\n")
    before = engines.content_hash([code, table])
    code.write_text("a = 1  # as it should be\n")
    assert engines.content_hash([code, table]) == before
    table.write_text("1  2 3\n")
    assert engines.content_hash([code, table]) != before
