"""Learning curves: error against the open number of each curve, with intervals."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import style as styles
from mftl.points import FIFTH

KEPT = ["curve", "value", "quantity", "unit", "estimate", "low", "high", "seeds", "structures"]
KEPT += ["deviation", "standard_error", "worst_share", "worst_five_share", "worst"]


def summarise(table: pd.DataFrame, labels: dict[str, str], error: str, bars: str = "interval") -> pd.DataFrame:
    """The points that are drawn, without their draws; ``low`` and ``high`` are the ends of the bars.

    ``table``: of ``errors.point_table``; ``labels``: curve -> name in the legend, in order; ``error``: "rmse" or "mae";
    ``bars``: as in ``config.plot``.
    """
    drawn = styles.with_bars(table.loc[table["read"] == error, KEPT].reset_index(drop=True), bars)
    drawn.insert(1, "label", drawn["curve"].map(labels))
    drawn.insert(5, "error", error.upper())
    return drawn.assign(bars=bars)


def plot(
    table: pd.DataFrame,
    looks: dict[str, dict],
    style: dict,
    xlabel: str,
    test: str,
    seeds: str = "",
    title: str = "",
    references: Sequence[dict] = (),
    marks: Sequence[dict] = (),
    curves: Sequence[str] | None = None,
    quantities: Sequence[str] = (styles.ENERGY, styles.FORCES),
) -> Figure:
    """A panel for each quantity that the labels have, on log axes, with intervals.

    ``table`` from ``summarise``; ``looks``: colour, marker and linestyle of each curve; ``style``: the configuration's
    section `plot`; ``test``: what the errors are tested against; ``seeds``: in what seeds differ. ``references``:
    points of curves (curve, value, label) that are drawn as horizontal lines, ``marks``: vertical ones (value, label);
    ``curves``: those drawn as curves (None: all); ``quantities``: a panel for each.
    """
    with styles.context(style):
        quantities = styles.quantities(table, quantities)
        figure, axes = styles.panels(style, 1, len(quantities), 1.0)
        drawn = table if curves is None else table[table["curve"].isin(curves)]
        for axis, letter, quantity in zip(axes[0], "abc", quantities, strict=False):
            draw_curves(axis, drawn, quantity, looks, xlabel)
            draw_lines(axis, table, quantity, looks, references, marks)
            if len(quantities) > 1:
                styles.panel(axis, letter)
        styles.legend(figure, axes[0, :1])
        styles.small_print(figure, styles.points_text(table, test, seeds), style)
        styles.title(figure, title)
    return figure


def draw_curves(axis: Axes, table: pd.DataFrame, quantity: str, looks: dict[str, dict], xlabel: str) -> None:
    """Draw the curves of one quantity, with intervals, on log axes; hollow where one structure decides."""
    rows = table[table["quantity"] == quantity]
    for name, curve in rows.groupby("curve", sort=False):
        label, look = curve["label"].iloc[0], looks[name]
        axis.errorbar(
            curve["value"], curve["estimate"], yerr=styles.bars(curve), label=label, capsize=2.5, elinewidth=0.8, **look
        )
        decided = curve[curve["worst_share"] > FIFTH]
        hollow = {"marker": look["marker"], "color": look["color"], "markerfacecolor": "white"}
        axis.plot(decided["value"], decided["estimate"], linestyle="none", zorder=3, **hollow)
    styles.log_axis(axis, "x", rows["value"].unique())
    styles.log_axis(axis, "y")
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
    axis.set_xlabel(xlabel)
    axis.set_ylabel(styles.error_label(table, quantity))


def draw_lines(
    axis: Axes,
    table: pd.DataFrame,
    quantity: str,
    looks: dict[str, dict],
    references: Sequence[dict],
    marks: Sequence[dict],
) -> None:
    """Points of curves as horizontal lines with their intervals, and vertical lines at some values."""
    own = table[table["quantity"] == quantity].set_index(["curve", "value"])
    for number, one in enumerate(references):
        row, color = own.loc[(one["curve"], one["value"])], looks[one["curve"]]["color"]
        line = ("--", ":", "-.", (0, (1, 1)))[[r["curve"] for r in references[:number]].count(one["curve"]) % 4]
        axis.axhline(row["estimate"], color=color, linestyle=line, linewidth=1.0, label=one["label"])
        axis.axhspan(row["low"], row["high"], color=color, alpha=0.15, linewidth=0)
    for one in marks:
        axis.axvline(one["value"], color=styles.DARK, linestyle=":", linewidth=0.8, label=one["label"])


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(points.read(inputs["points"]), params["labels"], style["error"], style["bars"])
    keys = ("xlabel", "test", "spread", "title", "references", "marks", "curves", "quantities")
    return table, plot(table, params["looks"], style, *(params[key] for key in keys))
