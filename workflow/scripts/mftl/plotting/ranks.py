"""A table of ranks: a line for each way to train, with errors, ranks and costs."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import style as styles

NAMES, RIGHT = 0.26, 1.0  # of the width, where names end and costs do
ALIKE = "="


def summarise(ranks: pd.DataFrame, costs: pd.DataFrame, labels: dict[str, str], error: str) -> pd.DataFrame:
    """Ranks of one kind of error with the costs beside them; ``ranks`` and ``costs`` of the modules of ``tables``."""
    found = ranks[ranks["read"] == error].merge(costs, on=["curve", "value"]).reset_index(drop=True)
    found.insert(0, "label", found["curve"].map(labels))
    return found.assign(error=error.upper())


def plot(table: pd.DataFrame, curves: list[str], style: dict, test: str, seeds: str, title: str = "") -> Figure:
    """``table`` from ``summarise``; a cell holds error and rank, with the rank's interval where it has one."""
    quantities = styles.quantities(table)
    values = list(dict.fromkeys(table["value"]))
    columns = [(value, quantity) for value in values for quantity in quantities]
    places = [*columns, "training", "prediction"]
    cells = table.set_index(["curve", "value", "quantity"])
    names = dict(zip(table["curve"], table["label"], strict=True))
    width = (RIGHT - NAMES) / len(places)
    middle = {place: NAMES + width * (k + 0.5) for k, place in enumerate(places)}
    with styles.context(style):
        height = 0.28 * (len(curves) + 5) + 0.25 * bool(title)
        figure, axis = plt.subplots(figsize=(1.25 * style["width"], height), layout="constrained")
        axis.set_axis_off()
        axis.set(xlim=(0, 1), ylim=(-len(curves) - 0.6, 2.6))
        for value in values:
            center = np.mean([middle[value, quantity] for quantity in quantities])
            axis.text(center, 1.95, f"{value} structures", ha="center", va="center")
        for value, quantity in columns:
            unit = table.loc[table["quantity"] == quantity, "unit"].iloc[0]
            word = "Energy" if quantity == styles.ENERGY else "Forces"
            axis.text(middle[value, quantity], 1.0, word, ha="center", va="center")
            axis.text(middle[value, quantity], 0.05, unit, ha="center", va="center", color=styles.DARK)
        for place, word, unit in (("training", "Training", "CPU s"), ("prediction", "Prediction", "ms")):
            axis.text(middle[place], 1.0, word, ha="center", va="center")
            axis.text(middle[place], 0.05, unit, ha="center", va="center", color=styles.DARK)
        for line, curve in enumerate(curves):
            y = -line - 1.0
            axis.text(0.0, y, names[curve], va="center")
            for key in columns:
                if (curve, *key) in cells.index:
                    axis.text(middle[key], y, _cell(cells.loc[(curve, *key)]), ha="center", va="center")
            own = table[(table["curve"] == curve) & (table["value"] == values[-1])].iloc[0]
            training = f"{own['last_cpu_seconds']:.3g} / {own['all_cpu_seconds']:.3g}"
            axis.text(middle["training"], y, training, ha="center", va="center")
            axis.text(middle["prediction"], y, _prediction(own), ha="center", va="center")
        for y, thickness in ((2.5, 1.0), (-0.45, 0.6), (-len(curves) - 0.5, 1.0)):
            axis.axhline(y, color=styles.DARK, linewidth=thickness)
        count = int(table["seeds"].min())
        text = f"{table['error'].iloc[0]} on {test}, rank (95 % interval"
        text += f", {count} seeds: {seeds})" if count > 1 else " over test structures, one seed)"
        text += f"; {ALIKE} cannot be told apart from the lowest; costs at {values[-1]} structures, of training: last "
        styles.small_print(figure, f"{text}stage / all stages, of prediction: a structure", style)
        styles.title(figure, title)
    return figure


def _cell(row: pd.Series) -> str:
    interval = f"{row['rank']:.0f}"
    if row["rank_low"] != row["rank_high"]:
        interval += f" ({row['rank_low']:.0f}–{row['rank_high']:.0f})"
    alike = ALIKE if row["apart"] == points.OPEN else ""
    return f"{row['estimate']:.3g}, {interval}{alike}"


def _prediction(row: pd.Series) -> str:
    """Milliseconds for a structure; those of the low level after a plus, ? where they are not known."""
    text, low = f"{1e3 * row['model_seconds']:.2g}", row["low_level_seconds"]
    if low == 0:
        return text
    return f"{text} + {1e3 * low:.2g}" if np.isfinite(low) else f"{text} + ?"


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    ranks, costs = pd.read_csv(inputs["ranks"]).fillna({"alike": ""}), pd.read_csv(inputs["way_costs"])
    table = summarise(ranks, costs, params["labels"], style["error"])
    return table, plot(table, params["curves"], style, params["test"], params["spread"], params["title"])
