"""Vibrational power spectra, a panel for each group of models."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.plotting import style as styles


def plot(
    table: pd.DataFrame,
    lines: pd.DataFrame | None,
    panels: list[dict],
    harmonic: dict | None,
    limits: Sequence[float],
    style: dict,
    text: str,
    title: str = "",
) -> Figure:
    """A panel for each of ``panels`` (label, models: curve, value, label, color).

    ``table``: of ``observables.spectra.table``; ``lines``: of ``tables.harmonic``, with the ``label`` of ``harmonic``;
    ``limits``: first and last wavenumber, cm⁻¹; ``text``: of the simulations, for the small print.
    """
    with styles.context(style):
        size = style["width"], style["height"] * (0.35 + 0.6 * len(panels))
        figure, axes = plt.subplots(len(panels), 1, figsize=size, layout="constrained", squeeze=False, sharex=True)
        for axis, letter, panel in zip(axes[:, 0], "abcdef", panels, strict=False):
            for i, one in enumerate(panel["models"]):
                own = table[(table["curve"] == one["curve"]) & (table["value"] == one["value"])]
                color, line = one["color"], styles.line(panel["models"], i)
                axis.plot(own["wavenumber"], own["mean"], color=color, linestyle=line, label=one["label"])
                low, high = own["mean"] - own["std"], own["mean"] + own["std"]
                axis.fill_between(own["wavenumber"], low.clip(lower=0), high, color=color, alpha=0.2, linewidth=0)
            if lines is not None and harmonic is not None:
                for k, place in enumerate(lines["in_simulation"]):
                    label = harmonic["label"] if k == 0 else None
                    axis.axvline(place, color=styles.DARK, linewidth=0.6, linestyle=":", label=label)
            axis.set(xlim=limits, ylim=(0, None), ylabel="Power (1/cm⁻¹)", yticks=[])
            styles.panel(axis, letter, panel["label"])
        axes[-1, 0].set_xlabel("Wavenumber (cm⁻¹)")
        styles.legend(figure, axes.ravel())
        few, many = int(table["simulations"].min()), int(table["simulations"].max())
        count = f"{few}" if few == many else f"{few} to {many}"
        styles.small_print(figure, f"{text}\nMean and standard deviation of {count} simulations", style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = pd.read_csv(inputs["spectra"])
    lines = pd.read_csv(inputs["harmonic"]) if "harmonic" in inputs else None
    panels, limits, text = params["panels"], params["limits"], params["text"]
    return table, plot(table, lines, panels, params["harmonic"], limits, style, text, params["title"])
