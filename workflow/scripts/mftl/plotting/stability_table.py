"""A table of how many simulations are stable, beside what a paper found."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.plotting import style as styles
from mftl.plotting.stability import NAMES, texts
from mftl.stability import summarise


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


def plot(table: pd.DataFrame, panels: list[dict], of: int, style: dict, title: str = "") -> Figure:
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
        styles.small_print(figure, texts(panels), style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    published = params["published"]
    table = beside(summarise(pd.read_csv(inputs["simulations"]), params["labels"]), published)
    return table, plot(table, params["panels"], published["of"], style, params["title"])
