"""Radial and angular distribution functions: a row of two panels for each training size."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.observables.averages import ANGULAR, RADIAL
from mftl.plotting import style as styles

AXES = {
    RADIAL: ("Distance (Å)", "Radial distribution g(r)"),
    ANGULAR: ("Angle (°)", "Angular distribution (1/°)"),
}


def plot(
    table: pd.DataFrame,
    values: list[int],
    references: list[dict],
    looks: dict[str, dict],
    style: dict,
    text: str,
    title: str = "",
) -> Figure:
    """Lines are means over simulations, shades their standard deviations.

    ``table`` has the columns of ``averages.table`` and ``label``; ``values``: training sizes, a row for each;
    ``references`` (curve, value, label): dashed lines in each row; ``text``: of the simulations, for the small print.
    """
    apart = {(one["curve"], one["value"]): one["label"] for one in references}
    shown = [value for value in values if (table["value"] == value).any()] or values[:1]
    with styles.context(style):
        size = (style["width"], style["height"] * (0.25 + 0.85 * len(shown)))
        figure, axes = plt.subplots(len(shown), 2, figsize=size, layout="constrained", squeeze=False)
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        for row, value in enumerate(shown):
            for axis, function in zip(axes[row], AXES, strict=True):
                own = table[(table["function"] == function) & (table["value"] == value)]
                for name, curve in own.groupby("curve", sort=False):
                    if (name, value) not in apart:
                        _draw(axis, curve, curve["label"].iloc[0], looks[name])
                for (name, where), label in apart.items():
                    its = table[(table["function"] == function) & (table["curve"] == name) & (table["value"] == where)]
                    _draw(axis, its, label, {"color": "black", "linestyle": "--"}, spread=False)
                axis.set_xlabel(AXES[function][0])
                axis.set_ylabel(AXES[function][1])
                axis.set_ylim(bottom=0)
                if len(own):
                    axis.set_xlim(0, own["x"].max())
                styles.panel(axis, next(letters), f"{value} training structure{'s' * (value > 1)}")
        styles.legend(figure, axes.ravel())
        few, many = table["simulations"].min(), table["simulations"].max()
        count = f"{few}" if few == many else f"{few} to {many}"
        note = (
            "No simulation is stable" if table.empty else f"Mean and standard deviation of {count} stable simulations"
        )
        styles.small_print(figure, f"{text}\n{note}", style)
        styles.title(figure, title)
    return figure


def _draw(axis: Axes, curve: pd.DataFrame, label: str, look: dict, spread: bool = True) -> None:
    line = {key: value for key, value in look.items() if key != "marker"}
    axis.plot(curve["x"], curve["mean"], label=label, **line)
    if spread:
        low, high = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
        axis.fill_between(curve["x"], low, high, color=look["color"], alpha=0.2, linewidth=0)


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = pd.read_csv(inputs["structure"])
    table.insert(1, "label", table["curve"].map(params["labels"]))
    references, looks = params["references"], params["looks"]
    figure = plot(table, params["values"], references, looks, style, params["text"], params["title"])
    return table, figure
