"""Figures of every kind: labels with units, no empty panel, legible letters, the same bytes again."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

from mftl import comparison, points
from mftl.config.plot import ROLES, Plot
from mftl.plotting import box_plots, element_scheme, force_parity, learning_curves, low_levels, parity, scheme
from mftl.plotting import comparison as comparison_plot
from mftl.plotting import style as styles

STYLE = Plot(font_size=8.0).model_dump()
LOOKS = {role: dict(zip(("color", "marker", "linestyle"), look, strict=True)) for role, look in ROLES.items()}
LABELS = {"single-fidelity": "Single-fidelity", "mftl": "MFTL", "foundation": "Foundation model"}
SERIES = {"model": {"label": "foundation model", "color": "#ee6677"}, "level": {"label": "DFTB", "color": "#555555"}}


def errors(values=(25, 50, 100), seeds=2, worst=0.0) -> pd.DataFrame:
    """Points of three curves, of 40 structures; at the first value MFTL errs ``worst`` times more on one."""
    rng, ids, rows = np.random.default_rng(0), [f"one-{i}" for i in range(40)], []
    for curve, scale in (("single-fidelity", 900.0), ("mftl", 300.0), ("foundation", 600.0)):
        for quantity, unit in (("energy", "meV/atom"), ("forces", "meV/Å")):
            for value in values:
                absolutes = scale / value * rng.uniform(0.8, 1.2, size=(seeds, 1)) * rng.uniform(0, 2, size=(1, 40))
                if curve == "mftl" and value == values[0]:
                    absolutes[:, 5] += worst * scale / value
                keys = {"curve": curve, "value": value, "quantity": quantity, "unit": unit}
                of_point = points.point(absolutes**2, absolutes, np.ones(40), ids, f"{curve} {value}")
                rows += [keys | row for row in of_point]
    return pd.DataFrame(rows)


def structure_errors() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"curve": curve, "value": value, "quantity": "forces", "unit": "meV/Å", "seed": 1 + k % 2, "mae": scale * k}
            for curve, scale in (("mftl", 10.0), ("single-fidelity", 20.0))
            for value in (300, 2000)
            for k in [*range(1, 10), 100]
        ]
    )


@pytest.fixture(scope="module")
def data(dft, dftb):
    low = {atoms.info["id"]: i for i, atoms in enumerate(dftb.structures)}
    chosen = [i for i, atoms in enumerate(dft.structures) if atoms.info["id"] in low]
    places = [low[dft.structures[i].info["id"]] for i in chosen]
    energies, forces = dft.energies[chosen], [dft.forces[i] for i in chosen]
    return comparison.compared(
        [dft.structures[i] for i in chosen],
        [energies, 0.9 * energies, dftb.energies[places]],
        [forces, [0.9 * force for force in forces], [dftb.forces[i] for i in places]],
    )


@pytest.fixture(scope="module")
def figures(data):
    """A figure of each kind, in the smallest letters that the configuration allows."""
    table = learning_curves.summarise(errors(), LABELS, "rmse")
    rows, summary = comparison.table(data), comparison.summary("fig2", data)
    levels = {"mftl": {"energy": 100.0, "forces": 1000.0}, "single-fidelity": {"energy": 50.0, "forces": 300.0}}
    reference = [{"curve": "single-fidelity", "value": 25, "label": "no pre-training"}]
    yield {
        "learning-curves": learning_curves.plot(table, LOOKS, STYLE, "Training structures at pbe", "molecules at pbe"),
        "epochs": learning_curves.plot(
            table, LOOKS, STYLE, "Pre-training epochs", "molecules at pbe", references=reference, curves=["mftl"]
        ),
        "low-levels": low_levels.plot(
            table, levels, LOOKS, [25, 100], STYLE, "Training structures", "molecules at pbe"
        ),
        "comparison": comparison_plot.plot(data, rows, summary, SERIES, "pbe0-d3", STYLE, True, 4),
        "parity alone": comparison_plot.plot(data, rows, summary, SERIES, "pbe0-d3", STYLE, False, 0),
        "force-parity": force_parity.plot(data, summary, SERIES, "pbe0-d3", STYLE),
        "scheme": scheme.plot(scheme.drawn(), LOOKS, STYLE),
        "scheme of elements": element_scheme.plot(element_scheme.drawn(), LOOKS, STYLE),
        "box-plots": box_plots.plot(
            box_plots.summarise(structure_errors(), LABELS, "forces"), LOOKS, STYLE, "Temperature (K)", "Ge at sw"
        ),
    }
    plt.close("all")


def axis_labels(figure) -> set[str]:
    return {label for axis in figure.axes for label in (axis.get_xlabel(), axis.get_ylabel()) if label}


def test_axes_have_labels_with_units(figures):
    curves = {"Energy RMSE (meV/atom)", "Force RMSE (meV/Å)"}
    labels = {"Reference, pbe0-d3 (eV/atom)", "Relative energy (eV/atom)"}
    assert axis_labels(figures["learning-curves"]) == curves | {"Training structures at pbe"}
    assert axis_labels(figures["epochs"]) == curves | {"Pre-training epochs"}
    assert axis_labels(figures["low-levels"]) == curves | {
        "Training structures",
        "Energy RMSE (meV/atom) of the level",
        "Force RMSE (meV/Å) of the level",
    }
    assert axis_labels(figures["parity alone"]) == labels
    assert axis_labels(figures["comparison"]) == labels | {"|Force error| (eV/Å)", "Share of components (%)"}
    assert axis_labels(figures["force-parity"]) == {"Reference, pbe0-d3 (eV/Å)", "Force component (eV/Å)"}
    assert axis_labels(figures["scheme"]) == {"Configuration space", "Energy"}


@pytest.mark.parametrize(
    ("kind", "panels"),
    [("learning-curves", 2), ("epochs", 2), ("low-levels", 4), ("box-plots", 1), ("comparison", 3 + 4),
     ("parity alone", 2), ("force-parity", 2), ("scheme", 2), ("scheme of elements", 1)],
)  # fmt: skip
def test_no_panel_is_empty(figures, kind, panels):
    assert len(figures[kind].axes) == panels
    for axis in figures[kind].axes:
        assert axis.lines or axis.collections or axis.patches


def test_letters_are_legible_and_inside(figures):
    for kind, figure in figures.items():
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        ticks = {id(one) for axis in figure.axes for one in (*axis.get_xticklabels(), *axis.get_yticklabels())}
        for text in figure.findobj(lambda one: isinstance(one, Text) and one.get_visible() and one.get_text().strip()):
            assert text.get_fontsize() >= 7, (kind, text.get_text())
            if id(text) not in ticks:  # ticks beyond an axis' limits are not drawn
                box = text.get_window_extent()
                assert box.x0 > -2 and box.x1 < width + 2 and box.y0 > -2 and box.y1 < height + 2, (kind, text)


def test_a_title_is_not_drawn_over_the_legend():
    table = learning_curves.summarise(errors(), LABELS, "rmse")
    figure = learning_curves.plot(table, LOOKS, STYLE, "Training structures", "molecules at pbe", title="QM7-X")
    figure.canvas.draw()
    (legend,) = figure.legends
    title, entries = legend.get_title(), legend.get_texts()
    assert title.get_text() == "QM7-X"
    assert not any(title.get_window_extent().overlaps(entry.get_window_extent()) for entry in entries)
    plt.close(figure)


def test_error_bars_are_explained(figures):
    for kind in ("learning-curves", "epochs", "low-levels"):
        text = " ".join(figures[kind]._supxlabel.get_text().split())
        assert "40 structures; bars: 95 % intervals over test structures and 2 seeds" in text and "hollow" not in text
    alone = learning_curves.summarise(errors(seeds=1), LABELS, "rmse")
    figure = learning_curves.plot(alone, LOOKS, STYLE, "Training structures", "molecules at pbe")
    assert "over test structures (one seed)" in " ".join(figure._supxlabel.get_text().split())


def test_a_curve_looks_the_same_everywhere(figures):
    """The colour of MFTL in the learning curves is that in every other figure."""
    for kind in ("learning-curves", "low-levels"):
        colors = {line.get_color() for line in figures[kind].axes[0].lines}
        assert ROLES["mftl"][0] in colors and ROLES["single-fidelity"][0] in colors, kind
    assert len({look[0] for look in ROLES.values()}) == len(ROLES)


def test_predictions_far_beyond_the_references_are_counted_on_the_edge():
    reference, near = np.array([0.0, 1.0, 2.0]), np.array([0.1, 1.1, 2.5])
    far = np.array([-30.0, 1.1, 40.0])
    assert parity.common_limits(reference, near) == pytest.approx((-0.1, 2.6))
    limits = parity.common_limits(reference, near, far)
    assert limits == pytest.approx((-1.16, 3.16))  # half the references' range on both sides, and a margin
    _, axes = plt.subplots(1, 2)
    for axis, predicted in zip(axes, (near, far), strict=True):
        parity.parity(axis, reference, predicted, "#228833", limits)
    assert [text.get_text() for text in axes[0].texts] == []
    assert [text.get_text() for text in axes[1].texts] == ["2 beyond"]
    edges = {line.get_marker(): line.get_ydata() for line in axes[1].lines if line.get_marker() in "^v"}
    assert limits[0] < edges["v"][0] < limits[0] + 0.1 and limits[1] - 0.1 < edges["^"][0] < limits[1]


def test_the_drawn_table_holds_intervals_and_no_draws():
    table = learning_curves.summarise(errors(), LABELS, "mae")
    assert list(table["error"].unique()) == ["MAE"] and not table.filter(like="draw").size
    row = table[(table["curve"] == "mftl") & (table["value"] == 50) & (table["quantity"] == "energy")].iloc[0]
    assert row["low"] < row["estimate"] < row["high"] and row["seeds"] == 2 and len(row["worst"].split()) == 5


def test_a_point_that_one_structure_decides_is_hollow():
    table = learning_curves.summarise(errors(worst=20.0), LABELS, "rmse")
    figure = learning_curves.plot(table, LOOKS, STYLE, "Training structures", "molecules at pbe", "other weights")
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in hollow] == [[25]]
    text = " ".join(figure._supxlabel.get_text().split())
    assert "hollow: one structure carries more than a fifth of the squared error" in text and "(other weights)" in text
    plt.close(figure)


def test_the_same_figure_gives_the_same_bytes(data, tmp_path):
    rows, summary = comparison.table(data), comparison.summary("fig2", data)

    def saved(name: str) -> tuple[bytes, bytes]:
        output = SimpleNamespace(pdf=tmp_path / f"{name}.pdf", png=tmp_path / f"{name}.png")
        styles.save(comparison_plot.plot(data, rows, summary, SERIES, "pbe0-d3", STYLE, True, 2), output, STYLE)
        return output.pdf.read_bytes(), output.png.read_bytes()

    first = saved("first")
    assert b"CreationDate" not in first[0]
    assert first == saved("second")


def test_boxes_are_quartiles_and_whiskers_leave_outliers_out():
    table = box_plots.summarise(structure_errors(), LABELS, "forces")
    assert list(zip(table["value"], table["curve"], strict=True)) == [
        (value, curve) for value in (300, 2000) for curve in ("single-fidelity", "mftl")
    ]  # in the order of the legend
    row = table[(table["curve"] == "mftl") & (table["value"] == 2000)].iloc[0]
    assert (row["quartile1"], row["median"], row["quartile3"]) == (32.5, 55.0, 77.5)  # of 10, 20, ..., 90 and 1000
    assert (row["whisker_low"], row["whisker_high"], row["count"], row["seeds"]) == (10.0, 90.0, 10, 2)
