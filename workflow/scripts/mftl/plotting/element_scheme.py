"""Transfer from one element to another: a drawing, not data."""

import numpy as np
import pandas as pd
from ase.build import bulk
from ase.data.colors import jmol_colors
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from mftl.plotting import style as styles

ROWS = {"Si": (3.05, "silicon", 4), "Ge": (0.95, "germanium", 1)}  # height, name, cards drawn one behind the other
PARTS = {"embedding": 3.55, "interactions": 5.1, "products": 6.65, "readouts": 8.2}  # of a model, and their centres
BOX = (1.35, 0.72)  # width and height of a part
VIEW = np.array([[1.0, 0.0, 0.36], [0.0, 1.0, 0.22]])  # what is across and up, seen from a little aside
CARD = 1.5  # width and height of the card that a cell is drawn on


def drawn() -> pd.DataFrame:
    """What is drawn, in arbitrary units: cards, bonds (from, to) and atoms of a cell, and the parts of both models."""
    rows = []
    for symbol, (height, _, cells) in ROWS.items():
        for cell in reversed(range(cells)):
            rows.append((symbol, f"card {cell}", 0.9 + 0.12 * cell, height + 0.12 * cell))
        points = (_cell() + np.random.default_rng(1).normal(scale=0.025, size=(18, 3)) - 0.5) @ VIEW.T * 0.85
        points += [0.9, height]
        distances = np.linalg.norm(_cell()[:, None] - _cell()[None], axis=-1)
        for i, j in zip(*np.nonzero(np.triu(distances < 0.5, 1)), strict=True):
            rows += [(symbol, f"bond {i}-{j}", *points[one]) for one in (i, j)]
        rows += [(symbol, "atom", *point) for point in points]
        rows += [(symbol, part, x, height) for part, x in PARTS.items()]
    return pd.DataFrame(rows, columns=["element", "what", "x", "y"])


def plot(table: pd.DataFrame, looks: dict[str, dict], style: dict, title: str = "") -> Figure:
    """Two rows, pre-training above and fine-tuning below, with arrows for the weights that are handed on.

    ``table`` from ``drawn``; ``looks``: the colours of the roles ``single-fidelity`` and ``transfer`` mark what a model
    is trained on first and at last.
    """
    with styles.context(style):
        figure, axis = plt.subplots(figsize=(style["width"], style["height"]), layout="constrained")
        axis.set(xlim=(-0.4, 10.4), ylim=(-0.15, 4.3))
        axis.axis("off")
        colors = {"Si": looks["single-fidelity"]["color"], "Ge": looks["transfer"]["color"]}
        steps = {"Si": "1  pre-train: many structures", "Ge": "2  fine-tune: few structures"}
        for symbol, (height, name, _) in ROWS.items():
            rows = table[table["element"] == symbol]
            _crystal(axis, rows, symbol)
            axis.text(0.9, height - 0.8, f"{name}: positions, forces", ha="center", va="top", color=styles.DARK,
                      fontsize=styles.small())  # fmt: skip
            for part, x in PARTS.items():
                box(axis, (x, height), f"{part}\nof {symbol}" if part == "embedding" else part, colors[symbol])
            ends = [2.05, *(x + side * BOX[0] / 2 for x in PARTS.values() for side in (-1, 1)), 9.2]
            for start, end in zip(ends[::2], ends[1::2], strict=True):
                arrow(axis, (start, height), (end, height), 1.0)
            axis.text(9.25, height, "energy,\nforces", va="center", color=styles.DARK)
            above = 0.6 if symbol == "Si" else -0.6
            look = {"va": "center", "color": colors[symbol], "fontweight": "bold", "fontsize": styles.small()}
            axis.text(PARTS["embedding"] - BOX[0] / 2, height + above, steps[symbol], **look)
        (top, *_), (bottom, *_) = ROWS.values()
        for x in PARTS.values():
            arrow(axis, (x + 0.55, top - BOX[1] / 2), (x + 0.55, bottom + BOX[1] / 2), 2.0)
        axis.text(9.25, (top + bottom) / 2, "all weights", va="center", color=styles.DARK, fontsize=styles.small())
        styles.title(figure, title)
    return figure


def _cell() -> np.ndarray:
    """The 18 atoms in and on a cube of diamond, (18, 3), in its lattice constant."""
    atoms = bulk("Si", "diamond", a=1.0, cubic=True).repeat(2)
    return atoms.positions[(atoms.positions < 1.01).all(1)]


def _crystal(axis: Axes, rows: pd.DataFrame, symbol: str) -> None:
    number = {"Si": 14, "Ge": 32}[symbol]
    for card in rows[rows["what"].str.startswith("card")].itertuples():
        corner = (card.x - CARD / 2, card.y - CARD / 2)
        axis.add_patch(Rectangle(corner, CARD, CARD, facecolor="white", edgecolor="#888888", linewidth=0.8, zorder=2))
    for _, bond in rows[rows["what"].str.startswith("bond")].groupby("what"):
        axis.plot(bond["x"], bond["y"], color="#888888", linewidth=1.0, zorder=3)
    atoms = rows[rows["what"] == "atom"]
    color = jmol_colors[number]
    axis.scatter(atoms["x"], atoms["y"], s=34, color=color, edgecolor=styles.DARK, linewidth=0.5, zorder=4)


def box(axis: Axes, centre: tuple[float, float], text: str, color: str) -> None:
    """A part of a model."""
    corner = (centre[0] - BOX[0] / 2, centre[1] - BOX[1] / 2)
    axis.add_patch(FancyBboxPatch(corner, *BOX, boxstyle="round,pad=0,rounding_size=0.1", facecolor=color + "22",
                                  edgecolor=color, linewidth=1.2))  # fmt: skip
    axis.text(*centre, text, ha="center", va="center", color=styles.DARK, fontsize=styles.small())


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
    """An arrow with a filled head."""
    look = {"arrowstyle": "-|>", "linewidth": width, "color": styles.DARK, "shrinkA": 1, "shrinkB": 1}
    axis.annotate("", end, start, arrowprops=look)
