"""A model and a level against another level: parity of relative energies, force errors, the worst structures."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.comparison import Compared, worst
from mftl.plotting import style as styles
from mftl.plotting.parity import common_limits, parity
from mftl.plotting.structures import MARK, draw_structure


def plot(
    data: Compared,
    rows: pd.DataFrame,
    summary: pd.DataFrame,
    series: dict[str, dict],
    reference: str,
    style: dict,
    histogram: bool,
    drawn: int,
    title: str = "",
) -> Figure:
    """Parity of relative energies of model and level, with or without a histogram of force errors and worst structures.

    ``rows`` and ``summary`` are ``comparison.table`` and ``comparison.summary`` of the data; ``series``: label and
    color of ``model`` and ``level``; ``reference``: the level compared with; ``drawn``: how many worst structures.
    """
    with styles.context(style):
        height = style["height"] * (1.0 if not drawn else 1.55)
        figure = plt.figure(figsize=(style["width"], height), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=[1.4, 1]) if drawn else (figure, figure)
        axes = top.subplots(1, 3 if histogram else 2)
        energies = data.energies / data.sizes
        limits = common_limits(*energies)
        for k, (axis, letter, (name, one)) in enumerate(zip(axes, "ab", series.items(), strict=False), start=1):
            parity(axis, energies[0], energies[k], one["color"], limits)
            rmse = summary[(summary["curve"] == name) & (summary["quantity"] == "energy")]["rmse"].item()
            axis.set_xlabel(f"Reference, {reference} (eV/atom)")
            axis.set_ylabel("Relative energy (eV/atom)")
            styles.panel(axis, letter, f"{one['label']}\nRMSE {rmse:.0f} meV/atom")
        if histogram:
            force_errors(axes[2], data, series)
            styles.panel(axes[2], "c")
        if drawn:
            chosen = worst(rows, drawn)
            for i, axis in zip(chosen, np.atleast_1d(bottom.subplots(1, len(chosen))), strict=True):
                draw_structure(axis, data.atoms(i))
                error = rows["model_eV_atom"][i] - rows["reference_eV_atom"][i]
                text = f"{rows['formula'][i]}\n{error:+.2f} eV/atom".replace("-", "−")
                place = {"transform": axis.transAxes, "ha": "center", "va": "top", "fontsize": style["font_size"] - 1}
                axis.text(0.5, -0.02, f"{rows['contact'][i]} {rows['contact_A'][i]:.2f} Å", color=MARK, **place)
                axis.text(0.5, -0.02, f"\n{text}", **place)
            letter = "d" if histogram else "c"
            bottom.suptitle(f"({letter}) Largest errors of the {series['model']['label']}", x=0.01, ha="left",
                            fontsize=style["font_size"])  # fmt: skip
        text = f"{len(rows)} structures, relative energies; darker: more structures (logarithmic)"
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def force_errors(axis: Axes, data: Compared, series: dict[str, dict]) -> None:
    """Histogram of the absolute errors of force components, both axes logarithmic."""
    errors = [np.abs(data.forces[k] - data.forces[0]).ravel() for k in (1, 2)]
    bins = np.logspace(-3, np.ceil(np.log10(max(e.max() for e in errors)) * 5) / 5, 41)
    for error, one in zip(errors, series.values(), strict=True):
        share = np.histogram(error, bins)[0] / len(error)  # of all, also of those below the first edge
        axis.stairs(100 * share, bins, color=one["color"], label=one["label"], linewidth=1.2)
    styles.log_axis(axis, "x", [0.001, 0.01, 0.1, 1, 10, 100])
    axis.set_yscale("log")
    styles.log_axis(axis, "y", [0.001, 0.01, 0.1, 1, 10])
    axis.set(xlim=(bins[0], bins[-1]), xlabel="|Force error| (eV/Å)", ylabel="Share of components (%)")
    axis.set_box_aspect(1)
    axis.legend(loc="lower center")


def draw(inputs: dict, params: dict, style: dict) -> tuple[Path, Figure]:
    """The file of the numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    figure = plot(
        Compared.load(inputs["data"]),
        pd.read_csv(inputs["structures"]),
        pd.read_csv(inputs["errors"]),
        params["series"],
        params["reference"],
        style,
        params["histogram"],
        params["worst"],
        params["title"],
    )
    return Path(inputs["structures"]), figure
