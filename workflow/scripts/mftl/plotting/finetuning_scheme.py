"""Which parts of a model learn in fine-tuning, and at which rate: a drawing, not data."""

import math
from fractions import Fraction

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.plotting import element_scheme
from mftl.plotting import style as styles

TOP, BOTTOM = 3.05, 0.95  # heights of both rows
FIRST, LAST = 2.3, 8.1  # centres of the first and the last part
NEAR = 0.01  # relative, of a rate and the fraction that it is written as


def drawn(rates: dict[str, float], rescale: bool, learn: bool) -> pd.DataFrame:
    """The parts in both trainings: name, place, height, and the rate over that from scratch (1: pre-training)."""
    names = [*rates, "scale, shift"]
    step = (LAST - FIRST) / (len(names) - 1)
    rows = [("pre-training", name, FIRST + step * k, TOP, 1.0, "") for k, name in enumerate(names)]
    for k, name in enumerate(names):
        rate = rates.get(name, math.nan)
        fate = "frozen" if rate == 0 else "" if name in rates else _fate(rescale, learn)
        rows.append(("fine-tuning", name, FIRST + step * k, BOTTOM, rate, fate))
    return pd.DataFrame(rows, columns=["training", "part", "x", "y", "rate", "fate"])


def _fate(rescale: bool, learn: bool) -> str:
    return f"{'new scale' if rescale else 'same scale'},\n{'both learn' if learn else 'shift refitted'}"


def plot(table: pd.DataFrame, levels: list[str], colors: list[str], style: dict, title: str = "") -> Figure:
    """Two rows of parts, frozen ones in grey, with arrows for the weights that are handed on.

    ``table`` from ``drawn``; ``levels`` and ``colors``: of pre-training and fine-tuning.
    """
    with styles.context(style):
        figure, axis = plt.subplots(figsize=(style["width"], style["height"]), layout="constrained")
        axis.set(xlim=(-0.4, 10.4), ylim=(-0.35, 4.3))
        axis.axis("off")
        for row in table.itertuples():
            first = row.training == "pre-training"
            color = colors[0] if first else colors[1]
            if row.rate == 0:
                color = "#888888"
            element_scheme.box(axis, (row.x, row.y), row.part, color)
            note = {"ha": "center", "va": "top", "fontsize": styles.small(), "color": styles.DARK}
            if not first:
                axis.text(row.x, BOTTOM - 0.45, row.fate or f"rate × {_fraction(row.rate)}", **note)
                if not math.isnan(row.rate):
                    start = (row.x, TOP - element_scheme.BOX[1] / 2)
                    element_scheme.arrow(axis, start, (row.x, BOTTOM + element_scheme.BOX[1] / 2), 2.0)
        for height, level, color, step in (
            (TOP, levels[0], colors[0], "1  pre-train: many"), (BOTTOM, levels[1], colors[1], "2  fine-tune: few")
        ):  # fmt: skip
            look = {"ha": "left", "va": "center", "color": color, "fontweight": "bold", "fontsize": styles.small()}
            above = 0.75 if height == TOP else -1.1
            axis.text(-0.35, height + above, f"{step} labels, {level}", **look)
            xs = table.loc[table["y"] == height, "x"].tolist()
            ends = [0.6, *(x + side * element_scheme.BOX[0] / 2 for x in xs for side in (-1, 1)), 9.2]
            for start, end in zip(ends[::2], ends[1::2], strict=True):
                element_scheme.arrow(axis, (start, height), (end, height), 1.0)
            axis.text(0.55, height, "positions", ha="right", va="center", color=styles.DARK)
            axis.text(9.25, height, "energy,\nforces", va="center", color=styles.DARK)
        styles.title(figure, title)
    return figure


def _fraction(rate: float) -> str:
    """A rate as people write it: 1/15 rather than 0.0667."""
    near = Fraction(rate).limit_denominator(200)
    if rate and near and abs(float(near) - rate) < NEAR * rate and near.numerator == 1 and near.denominator > 1:
        return f"1/{near.denominator}"
    return f"{rate:.3g}"


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = drawn(params["rates"], params["rescale"], params["learn"])
    return table, plot(table, params["levels"], params["colors"], style, params["title"])
