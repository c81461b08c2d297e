"""Boxes of errors of single structures, side by side for each curve in each group of structures."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mftl.plotting import style as styles

WHISKERS = 1.5  # longest, in interquartile ranges


def summarise(errors: pd.DataFrame, labels: dict[str, str], quantity: str) -> pd.DataFrame:
    """The numbers of each box: median, quartiles, ends of the whiskers, number of errors, and the mean.

    ``errors``: from ``errors.structure_table``; ``labels``: curve -> name in the legend, in order. A whisker ends at
    the last error within 1.5 interquartile ranges of its quartile.
    """
    rows = []
    for (curve, value, unit), own in errors[errors["quantity"] == quantity].groupby(
        ["curve", "value", "unit"], sort=False
    ):
        errors_here = own["mae"].to_numpy()
        low, median, high = np.percentile(errors_here, [25, 50, 75])
        reach = WHISKERS * (high - low)
        rows.append(
            {"curve": curve, "label": labels[curve], "value": value, "quantity": quantity, "unit": unit, "error": "MAE",
             "median": median, "quartile1": low, "quartile3": high,
             "whisker_low": errors_here[errors_here >= low - reach].min(),
             "whisker_high": errors_here[errors_here <= high + reach].max(),
             "mean": errors_here.mean(), "count": len(own), "seeds": own["seed"].nunique()}
        )  # fmt: skip
    order = {curve: i for i, curve in enumerate(labels)}
    return pd.DataFrame(rows).sort_values(["value", "curve"], key=lambda c: c.map(order) if c.name == "curve" else c)


def plot(table: pd.DataFrame, looks: dict[str, dict], style: dict, label: str, test: str, title: str = "") -> Figure:
    """One panel, the error on a log axis.

    ``table`` from ``summarise``; ``looks``: colour of each curve; ``label``: of the groups; ``test``: what the errors
    are tested against.
    """
    with styles.context(style):
        figure, axis = plt.subplots(figsize=(style["width"], style["height"]), layout="constrained")
        groups = list(dict.fromkeys(table["value"]))
        curves = list(dict.fromkeys(table["curve"]))
        width = 0.8 / len(curves)
        for i, curve in enumerate(curves):
            rows = table[table["curve"] == curve]
            boxes = [
                {
                    "med": r.median,
                    "q1": r.quartile1,
                    "q3": r.quartile3,
                    "whislo": r.whisker_low,
                    "whishi": r.whisker_high,
                }
                for r in rows.itertuples()
            ]
            color = looks[curve]["color"]
            axis.bxp(
                boxes,
                positions=[groups.index(v) + (i - (len(curves) - 1) / 2) * width for v in rows["value"]],
                widths=0.85 * width,
                showfliers=False,
                manage_ticks=False,
                patch_artist=True,
                boxprops={"facecolor": color + "88", "edgecolor": color, "linewidth": 0.8},
                medianprops={"color": styles.DARK, "linewidth": 1.0},
                whiskerprops={"color": color, "linewidth": 0.8},
                capprops={"color": color, "linewidth": 0.8},
            )
        axis.set_xticks(range(len(groups)), [str(one) for one in groups])
        styles.log_axis(axis, "y")
        axis.grid(True, axis="y", which="major", linewidth=0.3, alpha=0.5)
        axis.set_axisbelow(True)
        axis.set_xlabel(label)
        axis.set_ylabel(styles.error_label(table, table["quantity"].iloc[0]) + " of a structure")
        names = dict(zip(table["curve"], table["label"], strict=True))
        entries = [
            Patch(facecolor=looks[curve]["color"] + "88", edgecolor=looks[curve]["color"], label=names[curve])
            for curve in curves
        ]
        figure.legend(handles=entries, loc="outside upper center", ncols=len(entries))
        count, seeds = int(table["count"].min()), int(table["seeds"].min())
        text = (
            f"Test set: {test}; {'at least ' if count < table['count'].max() else ''}{count} errors in a box ({seeds} "
            f"seed{'s' if seeds > 1 else ''}): quartiles, whiskers to 1.5 times the box"
        )
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(pd.read_csv(inputs["errors"]), params["labels"], params["quantity"])
    return table, plot(table, params["looks"], style, params["label"], params["test"], params["title"])
