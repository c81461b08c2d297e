"""Energies along bonds, a panel for each, above histograms of the bonds' lengths in the data."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.plotting import style as styles


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: a row for each panel, level or model, and length; ``seeds``, ``spread`` of the wavenumber."""
    keys = ["panel", "level", "curve", "value", "distance_A"]
    found = table.fillna({"level": "", "curve": ""}).groupby(keys, sort=False)
    means = found[["energy_eV", "wavenumber", "minimum_A"]].mean()
    return means.assign(wavenumber_std=found["wavenumber"].std(), seeds=found["seed"].nunique()).reset_index()


def plot(
    table: pd.DataFrame, lengths: pd.DataFrame | None, panels: list[dict], reach: float, style: dict, title: str = ""
) -> Figure:
    """``table`` from ``summarise``; ``lengths`` of ``tables.bond_lengths``; ``panels``: label, bond, levels, models."""
    with styles.context(style):
        size = style["width"], 1.25 * style["height"]
        figure, axes = plt.subplots(1, len(panels), figsize=size, layout="constrained", squeeze=False)
        for i, (axis, letter, panel) in enumerate(zip(axes[0], "abcd", panels, strict=False)):
            own = table[table["panel"] == i]
            for k, one in enumerate(panel["levels"]):
                rows = own[own["level"] == one["level"]]
                text = f"{one['label']}: {rows['wavenumber'].iloc[0]:.0f}"
                axis.plot(rows["distance_A"], rows["energy_eV"], "o" if k == 0 else "s", color=styles.DARK, label=text,
                          markerfacecolor="none" if k else styles.DARK, markersize=3.5)  # fmt: skip
            for k, one in enumerate(panel["models"]):
                rows = own[(own["curve"] == one["curve"]) & (own["value"] == one["value"])]
                spread = rows["wavenumber_std"].iloc[0]
                text = f"{one['label']}: {rows['wavenumber'].iloc[0]:.0f}"
                text += f" ± {spread:.0f}" if pd.notna(spread) else ""
                axis.plot(rows["distance_A"], rows["energy_eV"], color=one["color"], label=text,
                          linestyle=styles.line(panel["models"], k))  # fmt: skip
            highest = own.loc[own["level"] != "", "energy_eV"].max()
            axis.set(xlabel=f"{panel['bond'].replace('-', '–')} distance (Å)", ylabel="Energy (eV)")
            axis.set_ylim(-0.35 * highest, 1.6 * highest)
            axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= 1.6 * highest])  # bars have no energy
            axis.set_xlim(own["distance_A"].min(), own["distance_A"].max())
            if lengths is not None and (lengths["panel"] == i).any():
                data = lengths[lengths["panel"] == i]
                heights = 0.3 * highest * data["share"] / data["share"].max()
                width = data["distance_A"].diff().median()
                axis.bar(data["distance_A"], heights, width, bottom=-0.35 * highest, color="#cccccc", zorder=0)
            axis.legend(loc="upper center", title="parabola, cm⁻¹", fontsize=styles.small())
            styles.panel(axis, letter, panel["label"])
        seeds = int(table["seeds"].max())
        text = f"Models: means of {seeds} seeds, ± standard deviation; " if seeds > 1 else ""
        text += f"parabolas within {reach:g} Å of the lowest point; bars: lengths of such bonds in the data"
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(pd.read_csv(inputs["bond_scans"]))
    lengths = pd.read_csv(inputs["bond_lengths"]) if "bond_lengths" in inputs else None
    return table, plot(table, lengths, params["panels"], params["reach"], style, params["title"])
