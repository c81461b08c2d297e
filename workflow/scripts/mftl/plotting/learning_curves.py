"""Learning curves: error against the open number of each curve, with intervals."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import style as styles
from mftl.points import FIFTH

KEPT = ["curve", "value", "quantity", "unit", "estimate", "low", "high", "seeds", "structures"]
KEPT += ["worst_share", "worst_five_share", "worst"]


def summarise(table: pd.DataFrame, labels: dict[str, str], error: str) -> pd.DataFrame:
    """The points that are drawn, without their draws.

    ``table``: of ``errors.point_table``; ``labels``: curve -> name in the legend, in order; ``error``: "rmse" or "mae".
    """
    drawn = table.loc[table["read"] == error, KEPT].reset_index(drop=True)
    drawn.insert(1, "label", drawn["curve"].map(labels))
    drawn.insert(5, "error", error.upper())
    return drawn


def plot(
    table: pd.DataFrame,
    looks: dict[str, dict],
    style: dict,
    xlabel: str,
    test: str,
    seeds: str = "",
    title: str = "",
) -> Figure:
    """Two panels, energies and forces, on log axes, with 95 % intervals; see ``mftl.points``.

    ``table`` from ``summarise``; ``looks``: colour, marker and linestyle of each curve; ``style``: the configuration's
    section `plot`; ``test``: what the errors are tested against; ``seeds``: in what seeds differ.
    """
    with styles.context(style):
        figure, axes = plt.subplots(1, 2, figsize=(style["width"], style["height"]), layout="constrained")
        for axis, letter, quantity in zip(axes, "ab", styles.LABELS, strict=True):
            draw_curves(axis, table, quantity, looks, xlabel)
            styles.panel(axis, letter)
        styles.legend(figure, axes[:1])
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
    axis.set_ylabel(styles.LABELS[quantity].format(error=table["error"].iloc[0]))


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(points.read(inputs["points"]), params["labels"], style["error"])
    return table, plot(
        table, params["looks"], style, params["xlabel"], params["test"], params["spread"], params["title"]
    )
