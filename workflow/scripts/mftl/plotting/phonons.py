"""Phonon densities of states: a panel for each curve, all its seeds, and what they are compared with."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.plotting import style as styles


def plot(
    table: pd.DataFrame, curves: list[str], looks: dict[str, dict], style: dict, text: str, title: str = ""
) -> Figure:
    """A thin line for each seed, a band from the lowest to the highest, a thick line for their mean.

    ``table``: curve, label, seed, frequency_THz, states_per_THz; what is of none of ``curves`` is drawn dashed in every
    panel.
    """
    with styles.context(style):
        figure, axes = plt.subplots(
            1, len(curves), figsize=(style["width"], style["height"]), layout="constrained", squeeze=False, sharey=True
        )
        for axis, letter, name in zip(axes[0], "abcdefgh", curves, strict=False):
            own = table[table["curve"] == name].pivot(index="frequency_THz", columns="seed", values="states_per_THz")
            color = looks[name]["color"]
            axis.fill_between(own.index, own.min(axis=1), own.max(axis=1), color=color, alpha=0.25, linewidth=0)
            axis.plot(own.index, own, color=color, linewidth=0.5)
            axis.plot(
                own.index, own.mean(axis=1), color=color, label=table.loc[table["curve"] == name, "label"].iloc[0]
            )
            for label, other in table[~table["curve"].isin(curves)].groupby("label", sort=False):
                mean = other.groupby("frequency_THz")["states_per_THz"].mean()
                axis.plot(mean.index, mean, color="black", linestyle="--", label=label)
            axis.set_xlabel("Frequency (THz)")
            axis.set_ylim(bottom=0)
            styles.panel(axis, letter)
        axes[0, 0].set_ylabel("Phonon states (1/THz)")
        styles.legend(figure, axes[0])
        seeds = int(table[table["curve"].isin(curves)].groupby("curve")["seed"].nunique().max())
        note = f"Thick lines: means of {seeds} seed{'s' * (seeds > 1)}; thin lines and bands: all of them"
        styles.small_print(figure, f"{text}\n{note}", style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = pd.read_csv(inputs["phonons"])
    table.insert(1, "label", table["curve"].map(params["labels"]))
    return table, plot(table, params["curves"], params["looks"], style, params["text"], params["title"])
