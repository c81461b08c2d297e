"""The learning curves of a pilot with their intervals, and forecasts as bands."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.plotting import style as styles


def plot(table: pd.DataFrame, looks: dict[str, dict[str, Any]], xlabel: str, style: dict) -> Figure:
    """A panel for each quantity, on log axes: errors with 95 %, dashed: medians of forecasts with bands of 80 %.

    ``table``: of ``advice.findings``; ``looks``: colour, marker and line of each curve.
    """
    with styles.context(style):
        quantities = styles.quantities(table)
        size = style["width"] * (1.0 if len(quantities) > 1 else 0.7), 1.15 * style["height"]
        figure, axes = plt.subplots(1, len(quantities), figsize=size, layout="constrained", squeeze=False)
        for axis, letter, quantity in zip(axes[0], "abc", quantities, strict=False):
            own = table[table["quantity"] == quantity]
            for name, curve in own.groupby("curve", sort=False):
                look, label = looks[str(name)], curve["label"].iloc[0]
                known, ahead = (curve[curve["kind"] == kind] for kind in ("measured", "forecast"))
                axis.errorbar(known["labels"], known["estimate"], yerr=styles.bars(known), label=label, capsize=2.5,
                              elinewidth=0.8, **look)  # fmt: skip
                if len(ahead):
                    rows = pd.concat([known.iloc[-1:].assign(low=known["estimate"], high=known["estimate"]), ahead])
                    axis.plot(rows["labels"], rows["estimate"], color=look["color"], linestyle=":", linewidth=1.0)
                    axis.fill_between(rows["labels"], rows["low"], rows["high"], color=look["color"], alpha=0.12,
                                      linewidth=0)  # fmt: skip
            styles.log_axis(axis, "x", own["labels"].unique())
            styles.log_axis(axis, "y")
            axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
            axis.set_xlabel(xlabel)
            axis.set_ylabel(styles.error_label(table, quantity))
            if len(quantities) > 1:
                styles.panel(axis, letter)
        styles.legend(figure, axes[0, :1])
        text = "Bars: 95 % intervals of the pilot; dotted with bands: forecasts, 80 %"
        styles.small_print(figure, text, style)
    return figure
