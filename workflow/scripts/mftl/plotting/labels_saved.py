"""Learning curves, and how many labels they save at equal error against others."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWNBASE, CARETUPBASE
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mftl import points
from mftl.equal_error import AT_LEAST, AT_MOST
from mftl.plotting import learning_curves
from mftl.plotting import style as styles
from mftl.tables.labels_saved import ALL

SAVED = ["saved_percent", "saved_percent_low", "saved_percent_high", "bound", "low_open", "high_open", "verdict"]
TICKS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 2 / 3, 0.8, 1, 1.25, 5 / 3, 2.5, 5, 10, 20)  # times the labels; 5/3: 40 % saved
FARTHEST = 8.0  # times the labels, or part of them: bars go no further
BESIDE = 1.06  # times its size, where the next curve is drawn


def summarise(table: pd.DataFrame, saved: pd.DataFrame) -> pd.DataFrame:
    """The points of learning curves, with labels saved at each, and ``all_…`` over all sizes of the curve.

    ``table`` from ``learning_curves.summarise``; ``saved`` of ``tables.labels_saved``, of one kind of error.
    """
    whole = saved["size"].astype(str) == ALL
    at = saved.loc[~whole, ["curve", "against", "quantity", "size", "against_size", *SAVED]].rename(
        columns={"size": "value"}
    )
    over = saved.loc[whole, ["curve", "quantity", *SAVED]]
    over = over.rename(columns={name: f"all_{name}" for name in SAVED})
    found = table.merge(at.astype({"value": int}), on=["curve", "value", "quantity"], how="left")
    return found.merge(over, on=["curve", "quantity"], how="left")


def plot(
    table: pd.DataFrame,
    looks: dict[str, dict],
    style: dict,
    xlabel: str,
    test: str,
    curves: list[str],
    quantities: list[str],
    goals: dict,
    seeds: str = "",
    fixed: tuple[str, ...] | list[str] = (),
    title: str = "",
) -> Figure:
    """Learning curves above, labels saved below, a column for each quantity.

    ``table`` from ``summarise``; ``curves`` whose labels are counted, in the order of the legend; ``goals``: percent of
    each quantity, and their ``label``; ``fixed``: labels of curves all of whose seeds have the same structures.
    """
    with styles.context(style):
        quantities = styles.quantities(table, quantities)
        figure, axes = styles.panels(style, 2, len(quantities), 2.2, sharex="col")
        letters = iter("abcdefgh")
        for axis, quantity in zip(axes[0], quantities, strict=True):
            learning_curves.draw_curves(axis, table, quantity, looks, "")
            styles.panel(axis, next(letters))
        for axis, quantity in zip(axes[1], quantities, strict=True):
            _saved(axis, table[table["quantity"] == quantity], curves, looks)
            _goal_and_legend(axis, goals.get(quantity), goals.get("label", ""))
            axis.set(xlabel=xlabel, ylabel="Labels saved (%)")
            styles.panel(axis, next(letters), f"at equal {quantity.removesuffix('s')} {table['error'].iloc[0]}")
        styles.legend(figure, axes[0, :1])
        text = (
            f"{styles.points_text(table, test, seeds)}; labels saved: 95 % intervals, below them those of all sizes; "
            "arrows and hollow ones are bounds, since no curve is continued beyond its sizes"
        )
        if fixed:
            text += f"; all seeds of {', '.join(fixed)} have the same structures, intervals know of no others"
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def _saved(axis: Axes, rows: pd.DataFrame, curves: list[str], looks: dict[str, dict]) -> None:
    """Labels saved at each size, as how many times as many the other curve needs, on a logarithmic axis in percent."""
    ends = [1.0]
    for k, name in enumerate(curves):
        own, look = rows[rows["curve"] == name], looks[name]
        if own.empty:
            continue
        place = own["value"].to_numpy(float) * BESIDE ** (k - (len(curves) - 1) / 2)
        middle, low, high = (
            np.clip(_factor(own[f"saved_percent{end}"].to_numpy(float)), 1 / FARTHEST, FARTHEST)
            for end in ("", "_low", "_high")
        )
        axis.errorbar(place, middle, yerr=[middle - low, high - middle], capsize=2.5, elinewidth=0.8,
                      label=said(own.iloc[0]), **look)  # fmt: skip
        hollow = (own["bound"] != "").to_numpy()
        axis.plot(place[hollow], middle[hollow], linestyle="none", marker=look["marker"], color=look["color"],
                  markerfacecolor="white", zorder=3)  # fmt: skip
        for key, end, marker, limit in (
            ("low_open", low, CARETDOWNBASE, 1 / FARTHEST),
            ("high_open", high, CARETUPBASE, FARTHEST),
        ):
            open_ = own[key].to_numpy(bool) | (end == limit)
            axis.plot(place[open_], end[open_], linestyle="none", marker=marker, markersize=5, color=look["color"])
        ends += [*low, *high]
    axis.axhline(1.0, color=styles.DARK, linewidth=0.8, linestyle=":")
    axis.set_yscale("log")
    axis.set_ylim(min(0.75, 0.9 * min(ends)), max(1.8, 1.1 * max(ends)))
    axis.yaxis.set_major_locator(FixedLocator(TICKS))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda factor, _: _written(100 * (1 - 1 / factor))))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)


def _goal_and_legend(axis: Axes, goal: float | None, label: str) -> None:
    """A line at a goal, in percent, if there is one, and what all lines are below the panel, that one last."""
    line = None
    if goal is not None:
        line = axis.axhline(float(_factor(goal)), color=styles.DARK, linestyle="--", linewidth=0.9,
                            label=f"{label} ({goal:g} %)")  # fmt: skip
    handles = sorted(zip(*axis.get_legend_handles_labels(), strict=True), key=lambda one: one[0] is line)
    axis.legend(*zip(*handles, strict=True), loc="upper left", bbox_to_anchor=(-0.03, -0.2), handlelength=1.5,
                borderaxespad=0)  # fmt: skip


def _factor(percent: np.ndarray | float) -> np.ndarray:
    """How many times as many labels the other curve needs, from percent saved."""
    return 1 / (1 - np.asarray(percent) / 100)


def said(row: pd.Series) -> str:
    """What a curve saves over all its sizes, in two lines; ``row``: one of its points."""
    sign = {AT_LEAST: "> ", AT_MOST: "< "}
    middle, low, high = (_written(row[f"all_saved_percent{end}"]) for end in ("", "_low", "_high"))
    interval = f"{'< ' * bool(row['all_low_open'])}{low} to {'> ' * bool(row['all_high_open'])}{high}"
    return f"{row['label']}: {row['all_verdict']}\n{sign.get(row['all_bound'], '')}{middle} % ({interval})"


def _written(percent: float) -> str:
    return str(round(percent)).replace("-", "−")


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    error = style["error"]
    table = learning_curves.summarise(points.read(inputs["points"]), params["labels"], error, style["bars"])
    saved = pd.read_csv(inputs["labels_saved"], dtype={"size": str}).fillna({"bound": ""})
    found = summarise(table, saved[saved["read"] == error])
    keys = ("xlabel", "test", "curves", "quantities", "goals", "spread", "fixed", "title")
    return found, plot(found, params["looks"], style, *(params[key] for key in keys))
