"""Learning curves: error against the open number of each curve, mean and spread over seeds."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

MARKERS = "osD^vP"
AXES = {"energy": "Energy {error} (meV/atom)", "forces": "Force {error} (meV/Å)"}


def summarise(errors: pd.DataFrame, labels: dict[str, str], error: str) -> pd.DataFrame:
    """Mean, standard deviation and number of seeds for each curve, open number and quantity.

    ``errors``: the tidy table; ``labels``: curve -> name in the legend, in order; ``error``: "rmse" or "mae".
    """
    groups = errors.groupby(["curve", "value", "quantity", "unit"], sort=False)[error]
    table = groups.agg(mean="mean", std="std", seeds="count").reset_index()
    table.insert(1, "label", table["curve"].map(labels))
    table.insert(5, "error", error.upper())
    return table


def plot(table: pd.DataFrame, style: dict, title: str = "", target: str = "") -> Figure:
    """Two panels, energies and forces, on log axes; error bars are standard deviations over seeds.

    ``table`` from ``summarise``; ``style``: the configuration's section `plot`; ``target``: the level trained for.
    """
    with plt.rc_context({"font.size": style["font_size"], "pdf.fonttype": 42, "axes.linewidth": 0.6}):
        figure, axes = plt.subplots(1, 2, figsize=(style["width"], style["height"]), layout="constrained")
        error = table["error"].iloc[0]
        for axis, panel, (quantity, ylabel) in zip(axes, "ab", AXES.items(), strict=True):
            rows = table[table["quantity"] == quantity]
            for i, (_, curve) in enumerate(rows.groupby("curve", sort=False)):
                axis.errorbar(
                    curve["value"],
                    curve["mean"],
                    yerr=curve["std"].fillna(0.0),
                    label=curve["label"].iloc[0],
                    color=style["colors"][i % len(style["colors"])],
                    marker=MARKERS[i % len(MARKERS)],
                    markersize=4,
                    linewidth=1.2,
                    capsize=2.5,
                )
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_xticks(sorted(rows["value"].unique()), minor=False)
            axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.minorticks_off()
            axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
            axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
            axis.yaxis.set_minor_formatter(NullFormatter())
            axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
            axis.set_xlabel(f"Training structures at {target}" if target else "Training structures")
            axis.set_ylabel(ylabel.format(error=error))
            axis.set_title(f"({panel})", loc="left", fontsize=style["font_size"])
        axes[0].legend(frameon=False)
        if title:
            figure.suptitle(title, fontsize=style["font_size"] + 1)
    return figure
