"""Figures of several kinds from one small training, in a folder of its own: what they leave, and what runs again."""

import zipfile

import pandas as pd
import pytest
import yaml
from calls import copy_project, planned, succeed
from pypdf import PdfReader

from mftl.config.studies import complete

MODEL = "foundation.wb97m-d3.n20"
TARGETS = ("results/figures.pdf", "results/paper.csv")


def configuration() -> dict:
    """The built-in systems, one tiny training, a figure of each kind that needs no other."""
    values = complete({})
    molecules, foundation = values["systems"]["molecules"], values["systems"]["foundation"]
    molecules["levels"] = {name: molecules["levels"][name] for name in ("dftb-ptbp", "pbe0-d3")}
    foundation["levels"] = {"wb97m-d3": foundation["levels"]["wb97m-d3"]}
    figures = {name: values["figures"][name] for name in ("fig1", "fig2")}
    figures["fig2"]["model"] = f"{MODEL}.e2"
    figures["figS1"] = values["figures"]["figS1"] | {"curves": ["low-level-large"]}
    return {
        "scale": "test",
        "seeds": 1,
        "systems": {"molecules": molecules, "foundation": foundation},
        "architectures": {"tiny": {"channels": 4, "radial_mlp": [8], "readout_channels": 4}},
        "curves": {"low-level-large": {"label": "twenty", "recipe": f"{MODEL}.e*", "values": [1, 2]}},
        "figures": figures,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("figures"), configuration())
    succeed(folder, *TARGETS)
    return folder


def test_every_figure_leaves_three_files(finished):
    for name in ("fig1", "fig2", "figS1"):
        assert (finished / f"results/{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (finished / f"results/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(finished / f"results/{name}.csv")) > 1


def test_all_figures_are_pages_of_one_file(finished):
    reader = PdfReader(finished / "results/figures.pdf")
    texts = [page.extract_text() for page in reader.pages]
    assert len(texts) == 3
    assert "Configuration space" in texts[0]
    assert "Largest errors of the foundation model" in texts[1]
    assert "Pre-training epochs" in texts[2]
    assert b"CreationDate" not in (finished / "results/figures.pdf").read_bytes()


def test_the_papers_numbers_stand_beside_ours(finished):
    table = pd.read_csv(finished / "results/paper.csv").set_index("id")
    levels = pd.read_csv(finished / "results/errors/fig2.csv").set_index(["curve", "quantity"])
    row = table.loc["fig2-ptbp"]
    assert (row["paper"], row["unit"], row["scale"]) == (101.67, "meV/atom", "test")
    assert row["ours"] == pytest.approx(levels.loc[("level", "energy"), "rmse"], rel=1e-5)
    assert row["ours"] == pytest.approx(101, abs=1)  # as in docs/errors.md
    assert row["ratio"] == pytest.approx(row["ours"] / 101.67, rel=1e-5)
    assert table.loc["fig4-mftl-energy", "verdict"] == "not testable"


def test_the_report_tells_what_each_figure_shows(finished):
    succeed(finished, "--report", "report.zip", *TARGETS)
    with zipfile.ZipFile(finished / "report.zip") as report:
        names = report.namelist()
        text = "".join(report.read(name).decode() for name in names if name.endswith((".html", ".js")))
    for name in ("fig1.png", "fig2.png", "figS1.png", "paper.csv"):
        assert any(one.endswith(name) for one in names), name
    assert "107.94 meV/atom" in text  # what the paper found
    assert "foundation.wb97m-d3.n20.e*" in text
    assert "Scale: test" in text


def test_a_plot_colour_reruns_only_plots(finished):
    path = finished / "config.yaml"
    values = configuration()
    assert planned(finished, *TARGETS) == {}
    values["plot"] = {"colors": {"foundation": "#000000"}}
    path.write_text(yaml.safe_dump(values, allow_unicode=True))
    assert planned(finished, *TARGETS) == {"plot": 2, "figures": 1}
    values["plot"] = {"dpi": 100}
    path.write_text(yaml.safe_dump(values, allow_unicode=True))
    assert planned(finished, *TARGETS) == {"plot": 3, "figures": 1}
    path.write_text(yaml.safe_dump(configuration(), allow_unicode=True))
