"""The share of relaxed random structures that are holes, against training size."""

import pandas as pd
from matplotlib.figure import Figure

from mftl.plotting import style as styles
from mftl.stability import wilson

Z = 1.96  # 95 %


def summarise(found: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """A row for each curve and value: ``share`` of holes, mean over seeds, with a 95 % interval and the seeds' shares.

    ``found`` of ``tables.structure_search``. Seeds relax the same structures, so the interval is that of one model's
    structures.
    """
    rows = []
    holes = found.assign(hole=found["hole"].fillna("") != "")
    for (curve, value), own in holes.groupby(["curve", "value"], sort=False):
        seeds = own.groupby("seed")["hole"].mean()
        count = len(own) // len(seeds)
        low, high = wilson(seeds.mean() * count, count, Z)
        row = {"curve": curve, "label": labels[curve], "value": value, "share": seeds.mean(), "low": low, "high": high}
        finished = (own["state"] != "unfinished").mean()
        row |= {"structures": count, "seeds": len(seeds), "finished": finished}
        rows.append(row | {"of_seeds": " ".join(f"{one:.4g}" for one in seeds)})
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, looks: dict[str, dict], style: dict, text: str, title: str = "") -> Figure:
    """``table`` from ``summarise``; a foundation model as it is, which has no size, is a horizontal line."""
    with styles.context(style):
        figure, ((axis,),) = styles.panels(style, 1, 1, 1.1)
        curves = list(table.groupby("curve", sort=False))
        for place, (name, own) in enumerate(curves):
            label, look = own["label"].iloc[0], looks[name]
            if not own["value"].all():
                axis.axhline(own["share"].iloc[0], color=look["color"], linestyle="--", linewidth=1.0, label=label)
                axis.axhspan(own["low"].iloc[0], own["high"].iloc[0], color=look["color"], alpha=0.15, linewidth=0)
                continue
            x = own["value"] * 1.04 ** (place - (len(curves) - 1) / 2)  # or they hide each other
            bars = styles.bars(own, estimate="share")
            axis.errorbar(x, own["share"], yerr=bars, capsize=2, elinewidth=0.8, label=label, **look)
            for at, shares in zip(x, own["of_seeds"], strict=True):
                dots = [float(one) for one in shares.split()]
                axis.plot([at] * len(dots), dots, ".", color=look["color"], markersize=2.5)
        sized = table.loc[table["value"] > 0, "value"].unique()
        if len(sized):
            styles.log_axis(axis, "x", sized)
        axis.set(xlabel="Training structures", ylabel="Share of holes", ylim=(-0.03, 1.03))
        axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
        styles.legend(figure, [axis])
        seeds = int(table["seeds"].max())
        finished = f"{100 * table['finished'].min():.0f} % or more came to an end"
        styles.small_print(figure, f"{text}; bars: 95 %; dots: {seeds} seeds; {finished}", style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    table = summarise(pd.read_csv(inputs["structure_search"]), params["labels"])
    return table, plot(table, params["looks"], style, params["text"], params["title"])
