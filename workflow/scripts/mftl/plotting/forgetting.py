"""What fine-tuned models have forgotten, against how good they are."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.plotting import style as styles


def summarise(table: pd.DataFrame, labels: dict[str, str], error: str) -> pd.DataFrame:
    """The points that are drawn; ``table`` of ``tables.forgetting``, ``labels``: curve -> its name."""
    drawn = table[table["read"] == error].reset_index(drop=True)
    drawn.insert(1, "label", drawn["curve"].map(labels))
    return drawn.assign(error=error.upper())


def plot(
    table: pd.DataFrame, looks: dict[str, dict], style: dict, test: str, parents: str, seeds: str, title: str = ""
) -> Figure:
    """A panel for each quantity; ``table`` from ``summarise``; ``test`` and ``parents``: both test sets in words."""
    with styles.context(style):
        figure, axes = styles.panels(style, 1, len(styles.quantities(table)), 1.15)
        for axis, rows, error in styles.quantity_panels(table, axes[0]):
            _panel(axis, rows, looks)
            axis.set(xlabel=f"{error}, {test}", ylabel="Error on the parent's test set over the parent's")
        styles.legend(figure, axes[0, :1])
        count = int(table["seeds"].max())
        text = f"Parent's test set: {parents}; bars: 95 % intervals over test structures"
        text += f" and {count} seeds ({seeds})" if count > 1 else " (one seed)"
        styles.small_print(figure, f"{text}; numbers: training structures", style)
        styles.title(figure, title)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict]) -> None:
    for name, curve in rows.groupby("curve", sort=False):
        axis.errorbar(
            curve["estimate"], curve["ratio_estimate"], xerr=styles.bars(curve), yerr=styles.bars(curve, "ratio_"),
            capsize=2.0, elinewidth=0.6, label=curve["label"].iloc[0], **looks[name],
        )  # fmt: skip
        for row in curve.itertuples():
            axis.annotate(f"{row.value:d}", (row.estimate, row.ratio_estimate), (3, 3), textcoords="offset points",
                          fontsize=styles.small() - 1, color=looks[name]["color"])  # fmt: skip
    axis.axhline(1.0, color=styles.DARK, linewidth=0.8, linestyle=":", label="the parent")
    styles.log_axis(axis, "x")
    styles.log_axis(axis, "y")
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(pd.read_csv(inputs["forgetting"]), params["labels"], style["error"])
    return table, plot(
        table, params["looks"], style, params["test"], params["parents"], params["spread"], params["title"]
    )
