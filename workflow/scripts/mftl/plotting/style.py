"""What all figures share: fonts, lines, labels, small print, and how they are saved."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from mftl.config.plot import BARS
from mftl.points import FIFTH

ENERGY, FORCES, STRESS = "energy", "forces", "stress"
LABELS = {ENERGY: "Energy {error} ({unit})", FORCES: "Force {error} ({unit})", STRESS: "Stress {error} ({unit})"}
DARK = "#333333"  # of lines and text that belong to no curve
LINES = ("-", "--", ":", "-.")
LINE = 115  # letters of small print across a figure
SINGLE = 0.7  # of the width has a figure of one column of panels


def context(style: dict) -> AbstractContextManager:
    """Fonts and lines of the configuration's section `plot`, for the time of a ``with`` block."""
    size = style["font_size"]
    return plt.rc_context(
        {
            "font.size": size,
            "font.family": "DejaVu Sans",
            "axes.labelsize": size,
            "axes.titlesize": size,
            "xtick.labelsize": size - 1,
            "ytick.labelsize": size - 1,
            "legend.fontsize": size - 1,
            "figure.titlesize": size + 1,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "lines.linewidth": 1.2,
            "lines.markersize": 4.5,
            "legend.frameon": False,
            "pdf.fonttype": 42,
            "axes.unicode_minus": True,
        }
    )


def small() -> float:
    """The size of letters in drawings, pt, that are less than labels."""
    return plt.rcParams["legend.fontsize"]


def small_print(figure: Figure, text: str, style: dict) -> None:
    """What a reader must know of the numbers, in small letters below the figure, in lines that fit its width."""
    text = "\n".join(textwrap.fill(line, LINE) for line in text.split("\n"))
    figure.supxlabel(text, x=0.995, ha="right", fontsize=style["font_size"] - 1, color=DARK)


def legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """One legend for all axes above them, where it hides nothing; in place of the one that is there."""
    for old in list(figure.legends):
        old.remove()
    entries: dict = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=min(len(entries), 4))


def title(figure: Figure, text: str) -> None:
    """A title above the figure, and above its legend, which a plain one would be drawn over; none if it is empty."""
    if not text:
        return
    if figure.legends:
        figure.legends[0].set_title(text)
    else:
        figure.suptitle(text)


def points_text(table: pd.DataFrame, test: str, seeds: str) -> str:
    """What the bars and markers of points are.

    ``table`` of ``learning_curves.summarise``; ``test``: the test set; ``seeds``: in what seeds differ.
    """
    counts = {key: (int(table[key].min()), int(table[key].max())) for key in ("seeds", "structures")}
    several = {key: f"{few}" if few == many else f"{few} to {many}" for key, (few, many) in counts.items()}
    text = f"Test set: {test}, {several['structures']} structures; bars: "
    if counts["seeds"][1] > 1:
        text += f"{BARS[table['bars'].iloc[0]]} {several['seeds']} seeds ({seeds})"
    else:
        text += "95 % intervals over test structures (one seed)" if table["bars"].iloc[0] == "interval" else "none"
    if (table["worst_share"] > FIFTH).any():
        text += "; hollow: one structure carries more than a fifth of the squared error"
    return text


def quantities(table: pd.DataFrame, wanted: Iterable[str] = (ENERGY, FORCES)) -> list[str]:
    """The wanted quantities that a table has, a panel each; of labels that are energies alone there is one."""
    return [one for one in wanted if (table["quantity"] == one).any()]


def error_label(table: pd.DataFrame, quantity: str) -> str:
    """Label of the axis of a quantity's errors, from a table with the columns ``quantity``, ``error`` and ``unit``."""
    first = table[table["quantity"] == quantity].iloc[0]
    return LABELS[quantity].format(error=first["error"], unit=first["unit"])


def with_bars(table: pd.DataFrame, which: str) -> pd.DataFrame:
    """Points with the ends of the bars that are asked for, as ``low`` and ``high``; see ``config.plot``."""
    if which == "interval":
        return table
    half = table[which.replace("-", "_")].fillna(0.0)
    return table.assign(low=table["estimate"] - half, high=table["estimate"] + half)


def line(points: Sequence[dict], place: int) -> str:
    """The line of one of some points of curves: another one for each before it in the same ``color``."""
    before = [one["color"] for one in points[:place]]
    return LINES[before.count(points[place]["color"]) % len(LINES)]


def mixed(color: str, share: float, darkness: float = 0.0) -> tuple[float, ...]:
    """A colour mixed with white, then with black."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return tuple((share * rgb + (1 - share)) * (1 - darkness))


def bars(table: pd.DataFrame, prefix: str = "", estimate: str = "estimate") -> np.ndarray:
    """Lengths of the bars of points below and above their estimates, (2, points).

    ``prefix``: what the columns ``estimate``, ``low`` and ``high`` begin with; ``estimate``: how the first is called.
    """
    middle = table[f"{prefix}{estimate}"]
    below, above = middle - table[f"{prefix}low"], table[f"{prefix}high"] - middle
    return np.clip([below, above], 0.0, None)


def panels(style: dict, rows: int, columns: int, height: float, sharex: str = "none") -> tuple[Figure, np.ndarray]:
    """A figure and its axes (rows, columns); ``height``: over that of the configuration's section `plot`."""
    size = style["width"] * (1.0 if columns > 1 else SINGLE), height * style["height"]
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, sharex=sharex)


def quantity_panels(table: pd.DataFrame, axes: Iterable[Axes]) -> Iterator[tuple[Axes, pd.DataFrame, str]]:
    """Axes with letters, one for each of the ``quantities`` of a table: its rows, and the label of its errors."""
    for axis, letter, quantity in zip(axes, "abc", quantities(table), strict=False):
        panel(axis, letter)
        yield axis, table[table["quantity"] == quantity], error_label(table, quantity)


def panel(axis: Axes, letter: str, text: str = "") -> None:
    """The letter of a panel, and what is special to it."""
    axis.set_title(f"({letter}) {text}".strip(), loc="left")


def log_axis(axes: Axes, which: str, ticks: Iterable[float] | None = None) -> None:
    """Make the ``x`` or ``y`` axis logarithmic, with plain numbers at the given ticks, or at some round ones."""
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)) if ticks is None else FixedLocator(sorted(ticks)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def save(figure: Figure, output, style: dict) -> None:
    """Write the files ``output.pdf`` and ``output.png``; the same figure gives the same bytes."""
    figure.savefig(output.pdf, metadata={"CreationDate": None})
    figure.savefig(output.png, dpi=style["dpi"])
    plt.close(figure)
