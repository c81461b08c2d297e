"""Errors against uncertainties: a row of panels for each estimate, a panel for each quantity."""

import math

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mftl.plotting import style as styles
from mftl.tables import calibration

NAMES = {"committee": "Committee", "last-layer": "Last layer"}
QUANTITIES = {styles.ENERGY: "energy", styles.FORCES: "force"}
BELOW = 8.0  # how far below the smallest RMSE panels go on: smaller errors are not drawn
LIGHTEST = 0.45  # share of its colour that the first value of a curve has
TICKS = {0.8: (1, 2, 3, 5, 7), 1.6: (1, 2, 5), 3.0: (1, 3), np.inf: (1,)}  # in each decade, up to so many decades


def plot(
    table: pd.DataFrame, values: pd.DataFrame, series: list[dict], style: dict, test: str, seed: int, title: str = ""
) -> Figure:
    """``table`` and ``values`` of ``tables.calibration``; ``series``: curve, value, label and looks of each point."""
    estimates, quantities = list(dict.fromkeys(table["estimate"])), styles.quantities(table)
    with styles.context(style):
        size = style["width"] * (1.0 if len(quantities) > 1 else 0.6), 1.05 * style["height"] * len(estimates)
        figure, axes = plt.subplots(len(estimates), len(quantities), figsize=size, layout="constrained", squeeze=False)
        places = [(estimate, quantity) for estimate in estimates for quantity in quantities]
        for axis, letter, (estimate, quantity) in zip(axes.flat, "abcd", places, strict=False):
            own, single = (
                one[(one["estimate"] == estimate) & (one["quantity"] == quantity)] for one in (table, values)
            )
            _panel(axis, own, single, series)
            name, unit = QUANTITIES[quantity], own["unit"].iloc[0]
            axis.set(xlabel=f"Uncertainty of {name} ({unit})", ylabel=f"{name.capitalize()} error ({unit})")
            styles.panel(axis, letter, NAMES[estimate])
        styles.legend(figure, axes[0, :1])
        styles.small_print(figure, _small_print(table, test, seed), style)
        styles.title(figure, title)
    return figure


def _panel(axis: Axes, table: pd.DataFrame, values: pd.DataFrame, series: list[dict]) -> None:
    """Single errors in grey, the line on which they are as large as uncertainties say, and bins on top."""
    sigmas, errors = values["scaled"].to_numpy(), np.abs(values["error"].to_numpy())
    across = float(0.9 * sigmas.min()), float(1.1 * sigmas.max())
    low, high = float(table["rmse"].min()) / BELOW, 1.3 * float(errors.max())
    shown = errors > low
    extent = math.log10(across[0]), math.log10(across[1]), math.log10(low), math.log10(high)
    axis.hexbin(
        sigmas[shown], errors[shown], gridsize=40, extent=extent, xscale="log", yscale="log",
        mincnt=1, norm=LogNorm(vmin=0.3, vmax=max(100.0, len(errors) / 10)), cmap="Greys", linewidths=0.1,
    )  # fmt: skip
    axis.plot(across, across, color=styles.DARK, linewidth=0.9, linestyle=":", zorder=3)
    handles, numbers = [], []
    for k, one in enumerate(series):
        own = table[(table["curve"] == one["curve"]) & (table["value"] == one["value"])]
        handle = axis.errorbar(
            own["sigma"], own["rmse"], yerr=styles.bars(own, estimate="rmse"), capsize=2.0, elinewidth=0.6, zorder=4,
            label=one["label"], color=_shade(series, k), marker=one["marker"], linestyle=styles.line(series, k),
            markeredgecolor="white", markeredgewidth=0.4,
        )  # fmt: skip
        handles.append(handle)
        numbers.append(_covered(own.iloc[0]))
    axis.legend(
        handles, numbers, loc="upper left", fontsize=styles.small(), title="within their 68 %; 95 %",
        title_fontsize=styles.small(), alignment="left", labelspacing=0.2, borderpad=0.1,
    )  # fmt: skip
    top = high * (high / low) ** (0.07 * (1 + len(series)))  # room for numbers
    for which, ends in (("x", across), ("y", (low, top))):
        styles.log_axis(axis, which, _ticks(*ends))
        axis.set(**{f"{which}lim": ends})
    axis.grid(True, which="major", linewidth=0.3, alpha=0.5)


def _shade(series: list[dict], place: int) -> tuple[float, ...]:
    """The colour of a point: of those of one curve lightest for the first, its own for the last."""
    own = [k for k, one in enumerate(series) if one["curve"] == series[place]["curve"]]
    later = len(own) - 1 - own.index(place)
    return styles.mixed(series[place]["color"], 1.0 - (1.0 - LIGHTEST) * later / max(len(own) - 1, 1))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two, so many that their labels have room."""
    subs = next(subs for decades, subs in TICKS.items() if np.log10(high / low) < decades)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [tick for power in powers for sub in subs if low <= (tick := sub * 10.0**power) <= high]


def _covered(row: pd.Series) -> str:
    """Both coverages with their intervals, in per cent."""
    parts = [[100 * row[f"covered_{level}{end}"] for end in ("", "_low", "_high")] for level in (68, 95)]
    return "; ".join(f"{here:.0f} % ({low:.0f}–{high:.0f})" for here, low, high in parts)


def _small_print(table: pd.DataFrame, test: str, seed: int) -> str:
    """On what the numbers rest."""
    counts = sorted(set(table["structures"]))
    models = sorted(set(table.loc[table["estimate"] == "committee", "models"]))
    text = f"Test set: {test}, {' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))} structures"
    if models:
        text += f"; committee: {' to '.join(map(str, dict.fromkeys([models[0], models[-1]])))} seeds"
    if (table["estimate"] == "last-layer").any():
        text += f"; last layer: seed {seed}"
    text += "; uncertainties scaled on one half of the test structures and judged on the other, and the other way round"
    text += "; markers: RMSE in bins of equal counts, bars and brackets: 95 % intervals over test structures; "
    return text + "hexagons: single structures or force components, darker: more (logarithmic)"


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = pd.read_csv(inputs["calibration"])
    labels = pd.DataFrame([{key: one[key] for key in ("curve", "value", "label")} for one in params["series"]])
    table = table.merge(labels, on=["curve", "value"])
    values = calibration.read([inputs[key] for key in ("spreads", "last_layer") if key in inputs])
    rest = (params[key] for key in ("test", "seed", "title"))
    return table, plot(table, values, params["series"], style, *rest)
