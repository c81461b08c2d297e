"""The page docs/extending.md: its plugs, taken from it as they stand, make its figure."""

import re

import pandas as pd
import pytest
from calls import ROOT, copy_project, planned, run, succeed

BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)
CALL = ("results/histogram.pdf", "--configfile", "argon.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the plugs and the study of the page, and its figure."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    blocks = BLOCK.findall((ROOT / "docs" / "extending.md").read_text())
    assert len(blocks) == 6
    for path, text in blocks:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"# {path}\n{text}")
    succeed(folder, *CALL)
    return folder


def test_the_figure_of_the_page(project):
    assert (project / "results/histogram.pdf").read_bytes().startswith(b"%PDF")
    table = pd.read_csv(project / "results/histogram.csv")
    assert table.groupby("curve")["structures"].sum().to_dict() == {"scratch": 15, "transfer": 15}
    assert planned(project, *CALL) == {}


@pytest.mark.parametrize(
    ("path", "old", "new", "rules"),
    [
        ("plotting/error_histogram.py", "Test structures", "Structures", {"plot"}),
        ("tables/every_structure.py", '"all"', '"each"', {"evaluate", "plot"}),
        ("engines/lennard_jones.py", "# each pair counts twice", "# pairs twice", set()),
    ],
)
def test_a_change_of_a_plug_runs_what_it_makes(project, path, old, new, rules):
    file = project / "my_plugs" / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    try:
        assert planned(project, *CALL).keys() == rules
    finally:
        file.write_text(text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("value: 20}", "value: 21}", "figures.histogram.value: got 21; valid: values of scratch: 20"),
        ("value: 20}", "value: 20, bin: 3}", "figures.histogram.bin: got 3; valid: no such key"),
        ("kind: error-histogram", "kind: histogram", "figures.histogram.kind: got 'histogram'; valid: one of"),
        ("closest: 3.3", "closest: near", "systems.argon.pool.closest: got 'near'"),
        ("sigma: 3.3", "sigma: -1.0", "systems.argon.levels.lj-crude.sigma: got -1.0"),
        ("[my_plugs]", "[my_plugins]", "extensions.0: got 'my_plugins'; valid: a folder that exists"),
    ],
)
def test_a_mistake_in_a_section_is_one_line(project, old, new, expected):
    file = project / "argon.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    try:
        done = run(project, "-n", *CALL)
    finally:
        file.write_text(text)
    assert done.returncode != 0 and "Traceback (most recent call last)" not in done.stdout + done.stderr
    assert sum(expected in line for line in (done.stdout + done.stderr).splitlines()) >= 1
