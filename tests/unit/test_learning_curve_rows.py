"""Rows of learning curves: what the section asks for, and what is drawn."""

from pathlib import Path

import pandas as pd
import yaml

from mftl import checks
from mftl.config.studies import complete
from mftl.plotting import learning_curve_rows

ROOT = Path(__file__).parents[2]
ROWS = {
    "kind": "learning-curve-rows",
    "units": "kcal/mol",
    "bars": "standard-error",
    "rows": [
        {
            "label": "PBE0-D3",
            "curves": ["single-fidelity", "mftl"],
            "references": [{"curve": "foundation", "value": 25, "label": "foundation model, 25"}],
        },
        {"label": "CCSD(T)", "curves": ["ccsdt-single"], "marks": [{"value": 50, "label": "fifty"}]},
    ],
}


def config(rows=ROWS):
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    values["figures"] = {"rows": rows}
    return checks.load(values, ROOT)


def points(energies_alone=()) -> pd.DataFrame:
    """Points of the curves above, in the form of a table of points without draws."""
    rows = []
    for curve in ("single-fidelity", "mftl", "foundation", "ccsdt-single"):
        for quantity, unit in (("energy", "kcal/mol"), ("forces", "kcal/mol/Å")):
            if quantity == "forces" and curve in energies_alone:
                continue
            for value in (25, 50):
                rows.append(
                    {"curve": curve, "value": value, "quantity": quantity, "unit": unit, "read": "rmse",
                     "estimate": 100 / value, "low": 1.0, "high": 9.0, "seeds": 3, "structures": 40,
                     "deviation": 0.3, "standard_error": 0.2, "worst_share": 0.1, "worst_five_share": 0.2,
                     "worst": "a b"}
                )  # fmt: skip
    return pd.DataFrame(rows)


def drawn(monkeypatch, table):
    figure = config().figures["rows"]
    params = figure.params(config()) | {"title": ""}
    monkeypatch.setattr(learning_curve_rows.points, "read", lambda path: table)
    return learning_curve_rows.draw({"points": "points.csv"}, params, figure.style(config()) | {"error": "rmse"})


def test_what_it_asks_for():
    known = config()
    figure = known.figures["rows"]
    curves = ["single-fidelity", "mftl", "foundation", "ccsdt-single"]
    assert figure.all_curves() == curves and not checks.of_figure(known, "rows", ROOT)
    for table in figure.tables(known, "rows"):
        assert table.settings == {"figure": "rows", "curves": curves, "units": "kcal/mol"}
        assert table.inputs["predictions"] == [f"results/predictions/{one}.npz" for one in curves]
    assert figure.style(known)["bars"] == "standard-error"
    assert "molecules at pbe0-d3; molecules at ccsdt" in figure.text(known)


def test_mistakes_name_the_row():
    rows = [{"label": "x", "curves": ["mftl", "ccsdt-single"]}, {"label": "y", "curves": ["nothing"]}]
    rows[0]["references"] = [{"curve": "mftl", "value": 7, "label": "z"}]
    told = "\n".join(checks.of_figure(config(ROWS | {"rows": rows}), "rows", ROOT))
    assert "figures.rows.rows.0.curves" in told and "tested against the same labels" in told
    assert "figures.rows.rows.0.references.0.value: got 7" in told
    assert "figures.rows.rows.1.curves.0: got 'nothing'" in told


def test_panels(monkeypatch):
    table, figure = drawn(monkeypatch, points())
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["(a) PBE0-D3", "(b) PBE0-D3", "(c) CCSD(T)", "(d) CCSD(T)"]
    assert {axis.get_ylabel() for axis in figure.axes} == {"Energy RMSE (kcal/mol)", "Force RMSE (kcal/mol/Å)"}
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"foundation model, 25", "fifty"} <= set(names) and len(names) == len(set(names)) == 5
    assert "Foundation model" not in names  # it is but a line
    assert (table["high"] - table["estimate"]).round(6).eq(0.2).all()
    assert "standard errors of the mean over 3 seeds" in " ".join(figure._supxlabel.get_text().split())


def test_a_row_whose_labels_are_energies_alone(monkeypatch):
    _, figure = drawn(monkeypatch, points(energies_alone=["ccsdt-single"]))
    assert [axis.axison for axis in figure.axes] == [True, True, True, False]
