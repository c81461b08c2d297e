"""Error against the epochs of a pre-training, with errors without it as horizontal lines."""

import pandas as pd
from matplotlib.figure import Figure

from mftl.plotting import learning_curves
from mftl.plotting import style as styles


def plot(
    table: pd.DataFrame, looks: dict[str, dict], references: list[dict], style: dict, test: str, title: str = ""
) -> Figure:
    """Two panels, energies and forces, on log axes; error bars and bands are standard deviations over seeds.

    ``table`` from ``learning_curves.summarise``; ``references``: points of curves (curve, value, label) that are drawn
    as horizontal lines; the rest as in ``learning_curves.plot``.
    """
    lines = {one["curve"] for one in references}
    curves = table[~table["curve"].isin(lines)]
    figure = learning_curves.plot(curves, looks, style, "Pre-training epochs", test, title)
    with styles.context(style):
        for axis, quantity in zip(figure.axes, styles.LABELS, strict=True):
            for one in references:
                row = table[
                    (table["curve"] == one["curve"])
                    & (table["value"] == one["value"])
                    & (table["quantity"] == quantity)
                ].iloc[0]
                color = looks[one["curve"]]["color"]
                axis.axhline(row["mean"], color=color, linestyle="--", linewidth=1.0, label=one["label"])
                if row["std"] > 0:
                    axis.axhspan(
                        row["mean"] - row["std"], row["mean"] + row["std"], color=color, alpha=0.15, linewidth=0
                    )
        styles.legend(figure, figure.axes[:1])
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = learning_curves.summarise(pd.read_csv(inputs["errors"]), params["labels"], style["error"])
    return table, plot(table, params["looks"], params["references"], style, params["test"], params["title"])
