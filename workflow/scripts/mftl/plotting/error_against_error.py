"""Errors after fine-tuning against errors before it, with a line through them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import learning_curves
from mftl.plotting import style as styles
from mftl.tables.trends import ALL


def summarise(table: pd.DataFrame, trends: pd.DataFrame, pairs: list[dict]) -> pd.DataFrame:
    """A row for each point and quantity: what is known of it after fine-tuning, and ``before``, ``_low`` and ``_high``.

    ``table`` from ``learning_curves.summarise``; ``trends`` of ``tables.trends``: ``slope``, its interval and
    ``verdict`` are those of all points; ``pairs``: curve, value, before, before_value.
    """
    keys = ["curve", "value", "quantity"]
    start = table[[*keys, "estimate", "low", "high"]].set_axis(
        ["before", "before_value", "quantity", "before_estimate", "before_low", "before_high"], axis=1
    )
    found = pd.DataFrame(pairs).merge(table, on=keys[:2]).merge(start, on=["before", "before_value", "quantity"])
    line = trends.loc[trends["group"] == ALL, ["quantity", "slope", "low", "high", "intercept", "scatter", "verdict"]]
    return found.merge(line, on="quantity", suffixes=("", "_slope"))


def plot(
    table: pd.DataFrame, looks: dict[str, dict], style: dict, test: str, before: str, seeds: str = "", title: str = ""
) -> Figure:
    """A panel for each quantity; ``table`` from ``summarise``; ``test``, ``before``: test sets of both."""
    with styles.context(style):
        figure, axes = styles.panels(style, 1, len(styles.quantities(table)), 1.15)
        for axis, rows, error in styles.quantity_panels(table, axes[0]):
            _panel(axis, rows, looks)
            axis.set(xlabel=f"{error} before fine-tuning", ylabel=f"{error} after it")
        styles.legend(figure, axes[0, :1])
        text = f"{styles.points_text(table, test, seeds)}; before fine-tuning: {before}"
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict]) -> None:
    for name, curve in rows.groupby("curve", sort=False):
        axis.errorbar(
            curve["before_estimate"], curve["estimate"], yerr=styles.bars(curve), xerr=styles.bars(curve, "before_"),
            capsize=2.0, elinewidth=0.6, label=curve["label"].iloc[0], **(looks[name] | {"linestyle": "none"}),
        )  # fmt: skip
    styles.log_axis(axis, "x")
    styles.log_axis(axis, "y")
    first = rows.iloc[0]
    if np.isfinite(first["slope"]):
        ends = np.array([rows["before_estimate"].min(), rows["before_estimate"].max()])
        axis.plot(ends, np.exp(first["intercept"]) * ends ** first["slope"], color=styles.DARK, linewidth=0.9)
        said = f"slope {first['slope']:.2f} ({first['low_slope']:.2f} to {first['high_slope']:.2f})\n{first['verdict']}"
        said += f", within a factor {first['scatter']:.2f}"
        axis.text(0.03, 0.97, said, transform=axis.transAxes, va="top", fontsize=styles.small())
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    error = style["error"]
    table = learning_curves.summarise(points.read(inputs["points"]), params["labels"], error, style["bars"])
    trends = pd.read_csv(inputs["trends"])
    found = summarise(table, trends[trends["read"] == error], params["pairs"])
    return found, plot(found, params["looks"], style, *(params[key] for key in ("test", "before", "spread", "title")))
