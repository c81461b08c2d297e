"""Transfer between levels of theory against transfer in configuration space: a drawing, not data."""

import sys

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.plotting import element_scheme
from mftl.plotting import style as styles

TARGET, ELSEWHERE = (0.46, 0.96), (0.04, 0.40)  # regions of configuration space, of a width of 1
GAP = 1.15  # between two levels in the drawing


def drawn() -> pd.DataFrame:
    """What is drawn, in arbitrary units: for each panel the energy curves and the structures that are labelled."""
    x = np.linspace(0.0, 1.0, 201)
    low, high = np.linspace(*TARGET, 24)[1:-1], np.linspace(*TARGET, 6)[1:-1]
    far = np.linspace(*ELSEWHERE, 24)[1:-1]
    parts = [
        ("a", "low level", x, _energy(x, rough=0.05) + GAP),
        ("a", "high level", x, _energy(x)),
        ("a", "many structures, low level", low, _energy(low, rough=0.05) + GAP),
        ("a", "few structures, high level", high, _energy(high)),
        ("b", "high level", x, _energy(x)),
        ("b", "many structures elsewhere, high level", far, _energy(far)),
        ("b", "few structures, high level", high, _energy(high)),
    ]
    return pd.concat([pd.DataFrame({"panel": p, "what": what, "x": xs, "y": ys}) for p, what, xs, ys in parts])


def plot(table: pd.DataFrame, looks: dict[str, dict], style: dict, title: str = "") -> Figure:
    """Two panels of one configuration space each.

    ``table`` from ``drawn``; ``looks``: the roles ``mftl``, ``foundation`` and ``single-fidelity``, whose colours mark
    what a model is trained on first (the former two) and at last.
    """
    with styles.context(style):
        figure, axes = plt.subplots(1, 2, figsize=(style["width"], 0.9 * style["height"]), layout="constrained")
        for axis, letter, text in zip(
            axes, "ab", ("Multi-fidelity transfer", "Transfer in configuration space"), strict=True
        ):
            _panel(axis, table[table["panel"] == letter], looks)
            styles.panel(axis, letter, text)
        first, last = looks["mftl"]["color"], looks["single-fidelity"]["color"]
        _note(axes[0], 0.03, 2.62, "1  pre-train: many cheap labels", first)
        _note(axes[0], 0.03, -0.32, "2  fine-tune: few accurate labels", last)
        _arrow(axes[0], (0.66, 1.5), (0.66, 0.7))
        _note(axes[1], 0.03, 2.45, "1  pre-train: many accurate\n    labels elsewhere", looks["foundation"]["color"])
        _note(axes[1], 0.03, -0.32, "2  fine-tune: few accurate labels", last)
        _arrow(axes[1], (0.26, 0.85), (0.68, 0.85), bend=-0.45)
        styles.title(figure, title)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict]) -> None:
    axis.axvspan(*TARGET, color=looks["single-fidelity"]["color"], alpha=0.10, linewidth=0)
    axis.text(float(np.mean(TARGET)), 3.2, "structures of interest", ha="center", va="top", color=styles.DARK)
    colors = {
        "many structures, low level": looks["mftl"]["color"],
        "many structures elsewhere, high level": looks["foundation"]["color"],
        "few structures, high level": looks["single-fidelity"]["color"],
    }
    for what, part in rows.groupby("what", sort=False):
        if what in colors:
            size = 16 if what.startswith("many") else 42
            axis.scatter(part["x"], part["y"], s=size, color=colors[what], edgecolor="white", linewidth=0.5, zorder=3)
        else:
            axis.plot(
                part["x"], part["y"], color=styles.DARK, linestyle="--" if what == "low level" else "-", linewidth=1.0
            )
            axis.text(
                1.01, part["y"].iloc[-1], what.replace(" ", "\n"), va="center", fontsize=styles.small(), clip_on=False
            )
    axis.set(xlim=(0, 1), ylim=(-0.6, 3.3), xticks=[], yticks=[], xlabel="Configuration space", ylabel="Energy")


def _energy(x: np.ndarray, rough: float = 0.0) -> np.ndarray:
    """A curve with minima in both regions; ``rough``: how far a cheap level departs from it."""
    smooth = 0.45 + 0.35 * np.cos(4 * np.pi * (x - 0.02)) + 1.2 * (x - 0.5) ** 2
    return smooth + rough * (np.sin(37 * x) + 2 * np.cos(9 * x))


def _note(axis: Axes, x: float, y: float, text: str, color: str) -> None:
    axis.text(x, y, text, color=color, va="center", fontweight="bold", fontsize=styles.small())


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    look = {"arrowstyle": "-|>", "linewidth": 2.0, "color": styles.DARK, "connectionstyle": f"arc3,rad={bend}"}
    axis.annotate("", end, start, arrowprops=look)


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    drawing = element_scheme if params["drawing"] == "elements" else sys.modules[__name__]
    table = drawing.drawn()
    return table, drawing.plot(table, params["looks"], style, params["title"])
