"""Another Snakefile uses the workflow as a module, from a folder of its own: names, data, citations, mistakes."""

import json
from pathlib import Path

import pytest
import yaml
from calls import copy_project, planned, run, succeed

SNAKEFILE = """\
configfile: "mine.yaml"


module mftl:
    snakefile: "workflows/mftl/Snakefile"
    config: config


use rule * from mftl{renamed}


rule count:
    input:
        "results/splits/molecules.json",
    output:
        "counted.txt",
    shell:
        "grep -c water {{input}} > {{output}}"
"""
LABELS = "results/labels/molecules/pbe0-d3.extxyz"
CHEAP = ("results/fig1.pdf", "results/fig1.bib", LABELS, "counted.txt")


def outer(folder: Path, renamed: str = "") -> Path:
    """A project that has the workflow in a subfolder, and its changes of the configuration in a file."""
    folder.mkdir()
    project = copy_project(folder / "workflows/mftl")
    (folder / "Snakefile").write_text(SNAKEFILE.format(renamed=renamed))
    (folder / "mine.yaml").write_bytes((project / "config/test.yaml").read_bytes())
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Such a project, in which what costs little has been made."""
    folder = outer(tmp_path_factory.mktemp("module") / "own", " as mftl_*")
    succeed(folder, "--cores", "1", *CHEAP)
    return folder


def test_a_figure_is_planned_with_the_changes_alone(project):
    """As test_fig4 plans it; the labels have been collected already, and rules are called what the Snakefile says."""
    jobs = planned(project, "results/fig4.pdf")
    assert {
        "mftl_train": 8,
        "mftl_snapshot": 2,
        "mftl_predict": 3,
        "mftl_plot": 1,
    }.items() <= jobs.items()
    assert jobs["mftl_collect_labels"] == 2
    named = outer(project.parent / "same-names")
    assert planned(named, "results/fig4.pdf")["train"] == 8


def test_all_figures_are_planned_without_a_warning(project):
    assert "localrules" not in succeed(project, "-n", "mftl_all")  # a list of names would not follow the new ones


def test_results_lie_in_the_folder_of_the_call(project):
    assert (project / "results/fig1.pdf").read_bytes().startswith(b"%PDF")
    assert int((project / "counted.txt").read_text()) > 0
    assert "@article{cui2025" in (project / "results/fig1.bib").read_text()
    assert not (project / "workflows/mftl/results").exists()
    assert planned(project, *CHEAP) == {}


def test_data_that_ship_are_found_and_cited(project):
    record = json.loads((project / f"{LABELS}.provenance.json").read_text())
    assert "adamo1999" in record["cite"] and record["cite_yourself"] == []


def test_a_folder_that_moves_runs_nothing_again(project):
    moved = project.rename(project.with_name("moved"))
    try:
        assert planned(moved, *CHEAP) == {}
    finally:
        moved.rename(project)


def test_a_mistake_is_named(project):
    (project / "wrong.yaml").write_text(yaml.safe_dump({"curves": {"mftl": {"values": [5000]}}}))
    done = run(project, "-n", "results/fig4.pdf", "--configfile", "wrong.yaml")
    assert done.returncode != 0 and "curves.mftl.values: got 5000; valid: at most 1200" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
