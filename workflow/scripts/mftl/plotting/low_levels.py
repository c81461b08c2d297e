"""Learning curves after pre-training at several levels, and their errors against the error of the level itself."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import learning_curves
from mftl.plotting import style as styles


def plot(
    table: pd.DataFrame,
    level_errors: dict[str, dict[str, float]],
    looks: dict[str, dict],
    values: list[int],
    style: dict,
    xlabel: str,
    test: str,
    seeds: str = "",
    title: str = "",
) -> Figure:
    """Two panels for each quantity: learning curves above, below errors at ``values`` against that of the level itself.

    ``level_errors``: curve -> quantity -> error of its low level against the high one, in the units of ``table``; a
    curve that is not in it is drawn as a horizontal line. The rest as in ``learning_curves.plot``.
    """
    with styles.context(style):
        size = (style["width"], 1.9 * style["height"])
        quantities = styles.quantities(table)
        figure, axes = plt.subplots(2, len(quantities), figsize=size, layout="constrained", squeeze=False)
        for column, quantity in enumerate(quantities):
            learning_curves.draw_curves(axes[0, column], table, quantity, looks, xlabel)
            _against_level(axes[1, column], table, quantity, level_errors, looks, values)
        for axis, letter in zip(axes.ravel(), "abcd", strict=False):
            styles.panel(axis, letter)
        styles.legend(figure, axes[:, 0])
        styles.small_print(figure, styles.points_text(table, test, seeds), style)
        styles.title(figure, title)
    return figure


def _against_level(
    axis: Axes, table: pd.DataFrame, quantity: str, level_errors: dict, looks: dict[str, dict], values: list[int]
) -> None:
    rows = table[(table["quantity"] == quantity) & table["value"].isin(values)]
    for name, curve in rows.groupby("curve", sort=False):
        look, curve = looks[name], curve.reset_index(drop=True)
        bars = styles.bars(curve).T
        for row in curve.itertuples():
            first = row.value == values[0]
            if name in level_errors:
                fill = look["color"] if first else "white"
                axis.errorbar(
                    level_errors[name][quantity], row.estimate, yerr=bars[[row.Index]].T, color=look["color"],
                    marker=look["marker"], markerfacecolor=fill, linestyle="none", capsize=2.5,
                )  # fmt: skip
            else:
                axis.axhline(row.estimate, color=look["color"], linestyle="-" if first else "--", linewidth=1.0)
                axis.axhspan(row.low, row.high, color=look["color"], alpha=0.15, linewidth=0)
    styles.log_axis(axis, "x")
    styles.log_axis(axis, "y")
    known = [errors[quantity] for errors in level_errors.values()]
    limits = 0.8 * min(known), 1.25 * max(known)
    axis.plot(limits, limits, color=styles.DARK, linewidth=0.8, linestyle=":", label="error of the level itself")
    axis.set_xlim(limits)
    for i, value in enumerate(values):
        look = {"markerfacecolor": styles.DARK if i == 0 else "white", "color": styles.DARK}
        axis.plot([], [], marker="o", linestyle="-" if i == 0 else "--", label=f"{value} structures", **look)
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
    error = styles.error_label(table, quantity)
    axis.set_xlabel(f"{error} of the level")
    axis.set_ylabel(error)


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    error = style["error"]
    table = learning_curves.summarise(points.read(inputs["points"]), params["labels"], error, style["bars"])
    levels = pd.read_csv(inputs["low_levels"]).set_index(["level", "quantity"])[error]
    level_errors = {curve: levels[level].to_dict() for curve, level in params["levels"].items()}
    table["level"] = table["curve"].map(params["levels"])
    table["level_error"] = [
        level_errors.get(curve, {}).get(quantity)
        for curve, quantity in zip(table["curve"], table["quantity"], strict=True)
    ]
    figure = plot(
        table,
        level_errors,
        params["looks"],
        params["values"],
        style,
        params["xlabel"],
        params["test"],
        params["spread"],
        params["title"],
    )
    return table, figure
