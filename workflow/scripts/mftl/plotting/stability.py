"""Stable simulations against training size, as a figure and as a table."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.plotting import style as styles

NAMES = {"overlap": "no two atoms too close", "bonds": "no bond broken"}


def plot(table: pd.DataFrame, panels: list[dict], looks: dict[str, dict], style: dict, title: str = "") -> Figure:
    """A column for each panel: above, fractions of stable simulations; below, how long half of them last.

    ``table`` from ``stability.summarise``; ``panels``: for each, its ``label`` and a ``text`` about its protocol.
    """
    with styles.context(style):
        size = (style["width"], 1.75 * style["height"])
        figure, axes = plt.subplots(2, len(panels), figsize=size, layout="constrained", squeeze=False)
        for column, panel in enumerate(panels):
            rows = table[table["panel"] == column]
            _fractions(axes[0, column], rows, looks)
            _medians(axes[1, column], rows, looks)
            styles.panel(axes[0, column], "abc"[column], panel["label"])
            styles.panel(axes[1, column], "abcdef"[len(panels) + column])
            for axis in axes[:, column]:
                styles.log_axis(axis, "x", rows["value"].unique())
                axis.minorticks_off()
                axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
            axes[1, column].set_xlabel("Training structures")
        axes[0, 0].set_ylabel("Fraction stable")
        axes[1, 0].set_ylabel("Median time stable (ps)")
        _criteria(axes[0, 0], table)
        styles.legend(figure, axes[0])
        note = "Error bars: 68 % Wilson intervals; arrows: half of the simulations or more never fail"
        styles.small_print(figure, f"{_texts(panels)}\n{note}", style)
        styles.title(figure, title)
    return figure


def _fractions(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict]) -> None:
    """Fractions by both criteria, the second one with open markers."""
    curves = list(rows.groupby("curve", sort=False))
    for place, (name, curve) in enumerate(curves):
        apart = 1.04 ** (place - (len(curves) - 1) / 2)  # or markers at 0 and 1 hide each other
        for criterion in NAMES:
            known = curve.dropna(subset=f"{criterion}_fraction")
            if known.empty:
                continue
            fraction = known[f"{criterion}_fraction"]
            bars = [fraction - known[f"{criterion}_low"], known[f"{criterion}_high"] - fraction]
            look = looks[name] | ({} if criterion == "overlap" else {"markerfacecolor": "white", "linestyle": ":"})
            label = curve["label"].iloc[0] if criterion == "overlap" else None
            axis.errorbar(known["value"] * apart, fraction, yerr=np.maximum(bars, 0), capsize=2, label=label, **look)
    axis.set_ylim(-0.06, 1.06)


def _medians(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict]) -> None:
    """Median times; an arrow up at the length of the simulations where more than half never fail."""
    length = rows["length_ps"].max()
    curves = list(rows.groupby("curve", sort=False))
    for place, (name, curve) in enumerate(curves):
        values = curve["value"] * 1.04 ** (place - (len(curves) - 1) / 2)
        times = curve["median_ps"].fillna(curve["length_ps"])
        axis.plot(values, times, **looks[name])
        for value, time in zip(values[curve["median_ps"].isna()], times[curve["median_ps"].isna()], strict=True):
            axis.annotate(
                "", (value, time + 0.13 * length), (value, time), arrowprops={"arrowstyle": "->", **_color(looks[name])}
            )
    axis.axhline(length, color=styles.DARK, linewidth=0.6, linestyle="--")
    axis.set_ylim(-0.05 * length, 1.2 * length)


def _color(look: dict) -> dict:
    return {"color": look["color"], "linewidth": 0.8}


def _criteria(axis: Axes, table: pd.DataFrame) -> None:
    """Entries of the legend that say what filled and open markers mean."""
    look = {"color": styles.DARK, "marker": "o"}
    axis.plot([], [], linestyle="-", label=NAMES["overlap"], **look)
    if table["bonds_fraction"].notna().any():
        axis.plot([], [], linestyle=":", markerfacecolor="white", label=NAMES["bonds"], **look)


def _texts(panels: list[dict]) -> str:
    """What is said of the protocols, each once."""
    texts = [f"{panel['label']}: {panel['text']}" if panel["label"] else panel["text"] for panel in panels]
    return "\n".join(dict.fromkeys(texts))


def beside(table: pd.DataFrame, published: dict) -> pd.DataFrame:
    """The same table with a column ``published``: how many were stable of ``published["of"]`` in a paper."""
    counts = {
        (curve, value): count
        for curve, own in published["counts"].items()
        for value, count in zip(published["values"][curve], own, strict=True)
    }
    keys = zip(table["curve"], table["value"], strict=True)
    table = table.assign(published=[counts.get(key) for key in keys])
    return table.assign(published_of=np.where(table["published"].notna(), published["of"], np.nan))


def draw_table(table: pd.DataFrame, panels: list[dict], of: int, style: dict, title: str = "") -> Figure:
    """A line for each curve and criterion, a column for each training size; lines of the paper's counts below ours."""
    lines = []
    for _, curve in table.groupby("curve", sort=False):
        own, label = curve.set_index("value"), curve["label"].iloc[0]
        for criterion, name in NAMES.items():
            if own[f"{criterion}_stable"].notna().any():
                counts = own[f"{criterion}_stable"].astype("Int64").astype(str) + " / " + own["simulations"].astype(str)
                lines.append((f"{label}, {name}", counts, False))
        if own["published"].notna().any():
            counts = own["published"].map(lambda count: "–" if pd.isna(count) else f"{int(count)} / {of}")
            lines.append((f"{label}, published", counts, True))
    values = sorted(table["value"].unique())
    with styles.context(style):
        height = 0.28 * (len(lines) + 4) + 0.25 * bool(title)
        figure, axis = plt.subplots(figsize=(style["width"], height), layout="constrained")
        axis.set_axis_off()
        axis.set_xlim(0, 1)
        axis.set_ylim(-len(lines) - 0.6, 1.6)
        columns = np.linspace(0.52, 0.95, len(values)) if len(values) > 1 else [0.75]
        axis.text(0.0, 0.95, "Stable simulations", va="center")
        axis.text(np.mean(columns), 0.95, "Training structures", ha="center", va="center")
        for x, value in zip(columns, values, strict=True):
            axis.text(x, 0.05, f"{value}", ha="center", va="center")
        for k, (name, counts, theirs) in enumerate(lines):
            look = {"color": styles.DARK, "style": "italic"} if theirs else {}
            axis.text(0.0, -k - 1.0, name, va="center", **look)
            for x, value in zip(columns, values, strict=True):
                axis.text(x, -k - 1.0, counts.get(value, "–"), ha="center", va="center", **look)
        for y, width in ((1.5, 1.0), (-0.45, 0.6), (-len(lines) - 0.5, 1.0)):
            axis.axhline(y, color=styles.DARK, linewidth=width)
        styles.small_print(figure, _texts(panels), style)
        styles.title(figure, title)
    return figure
