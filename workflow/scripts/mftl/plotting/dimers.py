"""Energies of two atoms against their distance, a panel for each pair of elements."""

import math

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.holes import CLOSE
from mftl.plotting import style as styles

ACROSS = 4  # panels in a row, at most
LEVEL = "(level)"


def plot(
    table: pd.DataFrame, models: list[dict], level: str | None, limit: float, style: dict, title: str = ""
) -> Figure:
    """``table`` of ``tables.dimers``; ``models``: curve, value, label, color; ``level``: its name, if one is drawn."""
    pairs = list(dict.fromkeys(table["pair"]))
    columns = min(ACROSS, len(pairs))
    rows = math.ceil(len(pairs) / columns)
    with styles.context(style):
        size = style["width"], max(style["height"], 0.55 * style["height"] * rows)
        figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, sharey=True)
        for axis, pair in zip(axes.flat, pairs, strict=False):
            _panel(axis, table[table["pair"] == pair], models, level)
            axis.set_title(pair.replace("-", "–"), loc="left")
            axis.set_ylim(-limit, limit)
        for axis in axes.flat[len(pairs) :]:
            axis.set_axis_off()
        figure.supylabel("Energy (eV)", fontsize=style["font_size"])
        for axis in axes.flat[max(len(pairs) - columns, 0) : len(pairs)]:
            axis.set_xlabel("Distance (Å)")
        styles.legend(figure, axes.flat[:1])
        own = table[table["curve"] != LEVEL].drop_duplicates(["pair", "curve", "value", "seed"])
        holes = ", ".join(
            f"{one['label']} {int(mine['hole'].sum())} of {len(mine)}"
            for one in models
            for mine in [own[(own["curve"] == one["curve"]) & (own["value"] == one["value"])]]
        )
        styles.small_print(figure, f"Lowest point left of the vertical line (pairs and seeds): {holes}", style)
        styles.title(figure, title)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, models: list[dict], level: str | None) -> None:
    if level is not None:
        own = rows[rows["curve"] == LEVEL]
        axis.plot(own["distance_A"], own["energy_eV"], "o", color=styles.DARK, markersize=2.0, label=level)
    for k, one in enumerate(models):
        own = rows[(rows["curve"] == one["curve"]) & (rows["value"] == one["value"])]
        energies = own.groupby("distance_A")["energy_eV"]
        mean = energies.mean()
        axis.plot(mean.index, mean, color=one["color"], linestyle=styles.line(models, k), label=one["label"])
        axis.fill_between(mean.index, energies.min(), energies.max(), color=one["color"], alpha=0.15, linewidth=0)
    axis.axvline(CLOSE * rows["radii_A"].iloc[0], color=styles.DARK, linestyle=":", linewidth=0.8)
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = pd.read_csv(inputs["dimers"])
    return table, plot(table, params["models"], params["level"], params["limit"], style, params["title"])
