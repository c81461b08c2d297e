"""Learning curves: error against the open number of each curve, mean and spread over seeds."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.plotting import style as styles


def summarise(errors: pd.DataFrame, labels: dict[str, str], error: str) -> pd.DataFrame:
    """Mean, standard deviation and number of seeds for each curve, open number and quantity.

    ``errors``: the tidy table; ``labels``: curve -> name in the legend, in order; ``error``: "rmse" or "mae".
    """
    groups = errors.groupby(["curve", "value", "quantity", "unit"], sort=False)[error]
    table = groups.agg(mean="mean", std="std", seeds="count").reset_index()
    table.insert(1, "label", table["curve"].map(labels))
    table.insert(5, "error", error.upper())
    return table


def plot(table: pd.DataFrame, looks: dict[str, dict], style: dict, xlabel: str, test: str, title: str = "") -> Figure:
    """Two panels, energies and forces, on log axes; error bars are standard deviations over seeds.

    ``table`` from ``summarise``; ``looks``: colour, marker and linestyle of each curve; ``style``: the configuration's
    section `plot`; ``test``: what the errors are tested against.
    """
    with styles.context(style):
        figure, axes = plt.subplots(1, 2, figsize=(style["width"], style["height"]), layout="constrained")
        for axis, letter, quantity in zip(axes, "ab", styles.LABELS, strict=True):
            draw_curves(axis, table, quantity, looks, xlabel)
            styles.panel(axis, letter)
        styles.legend(figure, axes[:1])
        styles.small_print(figure, f"Test set: {test}; {styles.seeds_text(table)}", style)
        styles.title(figure, title)
    return figure


def draw_curves(axis: Axes, table: pd.DataFrame, quantity: str, looks: dict[str, dict], xlabel: str) -> None:
    """Draw the curves of one quantity, with error bars, on log axes."""
    rows = table[table["quantity"] == quantity]
    for name, curve in rows.groupby("curve", sort=False):
        axis.errorbar(
            curve["value"],
            curve["mean"],
            yerr=curve["std"].fillna(0.0),
            label=curve["label"].iloc[0],
            capsize=2.5,
            **looks[name],
        )
    styles.log_axis(axis, "x", rows["value"].unique())
    styles.log_axis(axis, "y")
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
    axis.set_xlabel(xlabel)
    axis.set_ylabel(styles.LABELS[quantity].format(error=table["error"].iloc[0]))


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(pd.read_csv(inputs["errors"]), params["labels"], style["error"])
    return table, plot(table, params["looks"], style, params["xlabel"], params["test"], params["title"])
