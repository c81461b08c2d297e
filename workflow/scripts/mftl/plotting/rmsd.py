"""Superposed RMSD over time, a line for each simulation."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.observables.rmsd import smoothed
from mftl.plotting import style as styles


def plot(table: pd.DataFrame, panels: list[dict], style: dict, params: dict, title: str = "") -> Figure:
    """A panel for each of ``panels`` (label, models: curve, value, label, color).

    ``table``: of ``tables.rmsd``; ``params``: ``window`` (ps), ``atoms`` and ``text`` in words, ``length`` (ps) of a
    whole simulation. A simulation that failed is drawn until then, with a cross at its end.
    """
    with styles.context(style):
        size = style["width"], style["height"] * (0.35 + 0.6 * len(panels))
        figure, axes = plt.subplots(len(panels), 1, figsize=size, layout="constrained", squeeze=False, sharex=True)
        for axis, letter, panel in zip(axes[:, 0], "abcdef", panels, strict=False):
            for one in panel["models"]:
                own = table[(table["curve"] == one["curve"]) & (table["value"] == one["value"])]
                label = one["label"]
                for _, line in own.groupby(["seed", "replica"], sort=False):
                    failed = line["failed_ps"].iloc[0]
                    whole = line[~(line["time_ps"] > failed)].dropna(subset="rmsd_A")
                    values = smoothed(whole["time_ps"].to_numpy(), whole["rmsd_A"].to_numpy(), params["window"])
                    axis.plot(whole["time_ps"], values, color=one["color"], linewidth=0.7, alpha=0.8, label=label)
                    label = None
                    if pd.notna(failed) and len(values):
                        axis.plot(whole["time_ps"].iloc[-1], values[-1], "x", color=one["color"], clip_on=False)
            axis.set(xlim=(0, params["length"]), ylim=(0, None), ylabel="RMSD (Å)")
            axis.grid(True, linewidth=0.3, alpha=0.5)
            styles.panel(axis, letter, panel["label"])
        axes[-1, 0].set_xlabel("Time (ps)")
        styles.legend(figure, axes.ravel())
        mean = f"; running means over {params['window']:g} ps" if params["window"] else ""
        what = f"RMSD of {params['atoms']} from the first frame, superposed{mean}; cross: the simulation failed"
        styles.small_print(figure, f"{params['text']}\n{what}", style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = pd.read_csv(inputs["rmsd"])
    return table, plot(table, params["panels"], style, params, params["title"])
