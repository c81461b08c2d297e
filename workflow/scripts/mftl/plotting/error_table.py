"""A table of errors: a line for each group of test structures, MAE and RMSE of each model side by side."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import style as styles

KEPT = ["group", "curve", "value", "quantity", "unit", "read", "estimate", "low", "high", "seeds", "structures"]


def summarise(table: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """The points shown, without their draws; ``labels``: curve -> its name, in order."""
    found = table.loc[table["read"].isin(["rmse", "mae"]), KEPT].reset_index(drop=True)
    found.insert(2, "label", found["curve"].map(labels))
    return found


def plot(table: pd.DataFrame, style: dict, label: str, test: str, title: str = "") -> Figure:
    """``table`` from ``summarise``; ``label``: name of the groups; ``test``: what the errors are tested against.

    Each cell holds MAE / RMSE.
    """
    quantities = styles.quantities(table)
    models = list(dict.fromkeys(zip(table["curve"], table["value"], strict=True)))
    groups = list(dict.fromkeys(table["group"]))
    cells = table.pivot(index=["group", "curve", "value", "quantity"], columns="read", values="estimate")
    names = dict(zip(table["curve"], table["label"], strict=True))
    counts = dict(zip(table["group"], table["structures"], strict=True))
    columns = [(*model, quantity) for model in models for quantity in quantities]
    with styles.context(style):
        height = 0.28 * (len(groups) + 5) + 0.25 * bool(title)
        figure, axis = plt.subplots(figsize=(style["width"], height), layout="constrained")
        axis.set_axis_off()
        axis.set(xlim=(0, 1), ylim=(-len(groups) - 0.6, 2.6))
        width = 0.72 / len(columns)
        axis.text(0.0, 0.05, f"{label} (structures)", va="center")
        for k, (curve, value) in enumerate(models):
            middle = 0.28 + width * (k + 0.5) * len(quantities)
            text = f"{names[curve]}, {value}" if value else names[curve]
            axis.text(middle, 1.95, text, ha="center", va="center")
        for k, (_, _, quantity) in enumerate(columns):
            unit = table.loc[table["quantity"] == quantity, "unit"].iloc[0]
            word = "Energy" if quantity == styles.ENERGY else "Forces"
            axis.text(0.28 + width * (k + 0.5), 1.0, word, ha="center", va="center")
            axis.text(0.28 + width * (k + 0.5), 0.05, f"({unit})", ha="center", va="center", color=styles.DARK)
        for line, group in enumerate(groups):
            axis.text(0.0, -line - 1.0, f"{group} ({counts[group]})", va="center")
            for k, key in enumerate(columns):
                if (group, *key) in cells.index:
                    own = cells.loc[(group, *key)]
                    text = f"{_number(own['mae'])} / {_number(own['rmse'])}"
                    axis.text(0.28 + width * (k + 0.5), -line - 1.0, text, ha="center", va="center")
        for y, thickness in ((2.5, 1.0), (-0.45, 0.6), (-len(groups) - 0.5, 1.0)):
            axis.axhline(y, color=styles.DARK, linewidth=thickness)
        seeds = int(table["seeds"].min())
        text = f"MAE / RMSE; test set: {test}; means over {seeds} seeds" if seeds > 1 else f"MAE / RMSE; {test}"
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def _number(value: float) -> str:
    """Three digits, without a power of ten."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(points.read(inputs["grouped_points"]), params["labels"])
    return table, plot(table, style, params["label"], params["test"], params["title"])
