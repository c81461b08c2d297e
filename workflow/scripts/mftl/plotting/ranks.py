"""A table of ranks: a line for each way to train, with errors, ranks and costs."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl import points
from mftl.plotting import style as styles

NAMES, RIGHT = 0.26, 1.0  # of the width, where names end and costs do
ALIKE = "="
TRAINING, PREDICTION = "training", "prediction"
COSTS = {TRAINING: ("Training", "CPU s"), PREDICTION: ("Prediction", "ms")}

Place = str | tuple[int, str]  # a column: of costs, or of a value and a quantity


def summarise(ranks: pd.DataFrame, costs: pd.DataFrame, labels: dict[str, str], error: str) -> pd.DataFrame:
    """Ranks of one kind of error with the costs beside them; ``ranks`` and ``costs`` of the modules of ``tables``."""
    found = ranks[ranks["read"] == error].merge(costs, on=["curve", "value"]).reset_index(drop=True)
    found.insert(0, "label", found["curve"].map(labels))
    return found.assign(error=error.upper())


def plot(table: pd.DataFrame, curves: list[str], style: dict, test: str, seeds: str, title: str = "") -> Figure:
    """``table`` from ``summarise``; a cell holds error and rank, with the rank's interval where it has one."""
    values, quantities = list(dict.fromkeys(table["value"])), styles.quantities(table)
    places: list[Place] = [*product(values, quantities), TRAINING, PREDICTION]
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
        for place, x in middle.items():
            word, unit = _head(table, place)
            axis.text(x, 1.0, word, ha="center", va="center")
            axis.text(x, 0.05, unit, ha="center", va="center", color=styles.DARK)
        for line, curve in enumerate(curves):
            own, y = table[table["curve"] == curve], -line - 1.0
            axis.text(0.0, y, own["label"].iloc[0], va="center")
            for place, text in _cells(own, values[-1]).items():
                if place in middle:
                    axis.text(middle[place], y, text, ha="center", va="center")
        for y, thickness in ((2.5, 1.0), (-0.45, 0.6), (-len(curves) - 0.5, 1.0)):
            axis.axhline(y, color=styles.DARK, linewidth=thickness)
        count = int(table["seeds"].min())
        text = f"{table['error'].iloc[0]} on {test}, rank (95 % interval"
        text += f", {count} seeds: {seeds})" if count > 1 else " over test structures, one seed)"
        text += f"; {ALIKE} cannot be told apart from the lowest; costs at {values[-1]} structures, of training: last "
        styles.small_print(figure, f"{text}stage / all stages, of prediction: a structure", style)
        styles.title(figure, title)
    return figure


def _head(table: pd.DataFrame, place: Place) -> tuple[str, str]:
    """What a column holds, and its unit."""
    if place in COSTS:
        return COSTS[place]
    quantity = place[1]
    word = "Energy" if quantity == styles.ENERGY else "Forces"
    return word, table.loc[table["quantity"] == quantity, "unit"].iloc[0]


def _cells(own: pd.DataFrame, value: int) -> dict[Place, str]:
    """What the line of one curve says in each column; costs are those at a value."""
    found: dict[Place, str] = {(row["value"], row["quantity"]): _cell(row) for _, row in own.iterrows()}
    costs = own[own["value"] == value].iloc[0]
    found[TRAINING] = f"{costs['last_cpu_seconds']:.3g} / {costs['all_cpu_seconds']:.3g}"
    return found | {PREDICTION: _prediction(costs)}


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
