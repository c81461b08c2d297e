"""Error against the epochs of a pre-training, with errors without it as horizontal lines."""

import pandas as pd
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import learning_curves
from mftl.plotting import style as styles


def plot(
    table: pd.DataFrame,
    looks: dict[str, dict],
    references: list[dict],
    style: dict,
    test: str,
    seeds: str = "",
    title: str = "",
) -> Figure:
    """Two panels, energies and forces, on log axes; error bars and bands are 95 % intervals.

    ``table`` from ``learning_curves.summarise``; ``references``: points of curves (curve, value, label) that are drawn
    as horizontal lines; the rest as in ``learning_curves.plot``.
    """
    lines = {one["curve"] for one in references}
    curves = table[~table["curve"].isin(lines)]
    figure = learning_curves.plot(curves, looks, style, "Pre-training epochs", test, seeds, title)
    with styles.context(style):
        for axis, quantity in zip(figure.axes, styles.LABELS, strict=True):
            for one in references:
                row = table[
                    (table["curve"] == one["curve"])
                    & (table["value"] == one["value"])
                    & (table["quantity"] == quantity)
                ].iloc[0]
                color = looks[one["curve"]]["color"]
                axis.axhline(row["estimate"], color=color, linestyle="--", linewidth=1.0, label=one["label"])
                axis.axhspan(row["low"], row["high"], color=color, alpha=0.15, linewidth=0)
        styles.legend(figure, figure.axes[:1])
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = learning_curves.summarise(points.read(inputs["points"]), params["labels"], style["error"])
    return table, plot(
        table, params["looks"], params["references"], style, params["test"], params["spread"], params["title"]
    )
