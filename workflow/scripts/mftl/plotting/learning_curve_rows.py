"""Learning curves of several systems, a row of panels for each."""

import pandas as pd
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import learning_curves
from mftl.plotting import style as styles


def plot(table: pd.DataFrame, rows: list[dict], style: dict, title: str = "") -> Figure:
    """A row of panels for each of ``rows``: what ``learning_curves.plot`` takes, by name, and the row's ``label``.

    ``table`` from ``learning_curves.summarise``, of the curves of all rows. The legend has each label once.
    """
    with styles.context(style):
        quantities = styles.quantities(table, list(dict.fromkeys(one for row in rows for one in row["quantities"])))
        figure, axes = styles.panels(style, len(rows), len(quantities), 0.3 + 0.8 * len(rows))
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        for across, row in zip(axes, rows, strict=True):
            named = {*row["curves"], *(one["curve"] for one in row["references"])}
            own = table[table["curve"].isin(named)]
            for axis, quantity in zip(across, quantities, strict=True):
                if (own["quantity"] == quantity).any():
                    drawn = own[own["curve"].isin(row["curves"])]
                    learning_curves.draw_curves(axis, drawn, quantity, row["looks"], row["xlabel"])
                    lines = row["references"], row["marks"]
                    learning_curves.draw_lines(axis, own, quantity, row["looks"], *lines)
                    styles.panel(axis, next(letters), row["label"])
                else:  # its test labels are energies alone
                    axis.set_axis_off()
        styles.legend(figure, axes.ravel())
        tests, spreads = ("; ".join(dict.fromkeys(row[key] for row in rows)) for key in ("test", "spread"))
        styles.small_print(figure, styles.points_text(table, tests, spreads), style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    labels = {curve: label for row in params["rows"] for curve, label in row["labels"].items()}
    table = learning_curves.summarise(points.read(inputs["points"]), labels, style["error"], style["bars"])
    return table, plot(table, params["rows"], style, params["title"])
