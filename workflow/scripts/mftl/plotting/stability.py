"""Stable simulations against training size."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.plotting import style as styles
from mftl.stability import summarise

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
        styles.small_print(figure, f"{texts(panels)}\n{note}", style)
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
    look: dict = {"color": styles.DARK, "marker": "o"}
    axis.plot([], [], linestyle="-", label=NAMES["overlap"], **look)
    if table["bonds_fraction"].notna().any():
        axis.plot([], [], linestyle=":", markerfacecolor="white", label=NAMES["bonds"], **look)


def texts(panels: list[dict]) -> str:
    """What is said of the protocols, each once."""
    texts = [f"{panel['label']}: {panel['text']}" if panel["label"] else panel["text"] for panel in panels]
    return "\n".join(dict.fromkeys(texts))


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(pd.read_csv(inputs["simulations"]), params["labels"])
    return table, plot(table, params["panels"], params["looks"], style, params["title"])
