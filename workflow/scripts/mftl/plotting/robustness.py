"""Four tests of one model, or of those of all seeds: a panel with its verdict for each."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mftl.holes import CLOSE
from mftl.plotting import style as styles
from mftl.robustness.questions import DIMERS, FORGETTING, SEARCH, SIMULATION, TITLES
from mftl.robustness.verdicts import FAILS, NOT_ASKED, OPEN, PASSES, Answer

COLORS = {PASSES: "#228833", FAILS: "#cc3311", OPEN: "#bb8800", NOT_ASKED: "#777777"}
DEEPEST = 12.0  # eV: dimers' energies are drawn so far to both sides at most
COMPOSITIONS = 15  # that are drawn, at most
SMALLEST, LARGEST, WIDE = 1e-3, 1e4, 100.0  # ratios of errors that are drawn; from WIDE on only powers of ten are ticks
FALLEN = ["#cc3311", "#882255", "#ee7733", "#aa3377", "#cc6677", "#bb8800"]  # pairs that fall into each other


def plot(
    found: Sequence[Answer], tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any], style: dict
) -> Figure:
    """``found`` of ``verdicts.answers``, from ``tables`` by question; ``settings`` of ``plan.robustness``."""
    draw = {FORGETTING: _forgetting, DIMERS: _dimers, SEARCH: _search, SIMULATION: _simulation}
    with styles.context(style):
        size = style["width"], 2.0 * style["height"]
        figure, axes = plt.subplots(2, 2, figsize=size, layout="constrained")
        for axis, letter, one in zip(axes.flat, "abcd", found, strict=True):
            axis.set_title(f"({letter}) {TITLES[one.question]}: {one.verdict}", loc="left", color=COLORS[one.verdict])
            if one.verdict == NOT_ASKED:
                axis.text(0.5, 0.5, textwrap.fill(one.said, 38), ha="center", va="center", transform=axis.transAxes)
                axis.set(xticks=[], yticks=[])
                continue
            draw[one.question](axis, one, tables[one.question])
            axis.grid(True, which="major", linewidth=0.3, alpha=0.5)
        styles.small_print(
            figure,
            f"{settings['recipe']}; dashed: limits; bars: 95 % intervals. (d) {settings['protocol']}",
            style,
        )
        return figure


def _forgetting(axis: Axes, one: Answer, table: pd.DataFrame) -> None:
    """Ratios of errors to the parent's, one for each quantity."""
    for k, row in enumerate(one.rows):
        _point(axis, k, row, COLORS[row["verdict"]])
    axis.axhline(1.0, color=styles.DARK, linewidth=0.8, linestyle=":")
    _limit(axis, one.rows[0]["limit"])
    low = max(min(min(row["low"] for row in one.rows), 1.0), SMALLEST)
    high = min(max(max(row["high"] for row in one.rows), one.rows[0]["limit"]), LARGEST)
    steps = (1, 2, 5) if high / low < WIDE else (1,)
    ticks = [tick * 10.0**power for power in range(-3, 5) for tick in steps]
    styles.log_axis(axis, "y", [tick for tick in ticks if low / 1.6 <= tick <= high * 1.6])
    axis.set_ylim(low / 1.6, high * 1.6)
    names = [str(row["what"]).split(" on ")[0] for row in one.rows]
    axis.set(xlim=(-0.6, len(names) - 0.4), ylabel="Error over the parent's")
    axis.set_xticks(range(len(names)), [name[0].upper() + name[1:] for name in names])


def _dimers(axis: Axes, one: Answer, table: pd.DataFrame) -> None:
    """All pairs and seeds against the distance over the sum of radii; pairs that fall into each other in colours."""
    bad = {row["what"].split(":")[0] for row in one.rows if row["verdict"] != PASSES}
    colors = dict(zip(sorted(bad), FALLEN, strict=False))
    named = set()
    for (pair, _), own in table.groupby(["pair", "seed"], sort=False):
        energies = own["energy_eV"].clip(-2 * DEEPEST, 2 * DEEPEST)
        look: dict[str, Any] = {"color": "#999999", "linewidth": 0.7, "zorder": 1}
        if pair in bad:
            label = pair.replace("-", "–") if pair in colors and pair not in named else None
            look = {"color": colors.get(pair, FALLEN[0]), "linewidth": 1.0, "zorder": 2, "label": label}
            named.add(pair)
        axis.plot(own["distance_A"] / own["radii_A"], energies, **look)
    axis.axvline(CLOSE, color=styles.DARK, linestyle="--", linewidth=0.8)
    reach = min(DEEPEST, 1.1 * float(table["energy_eV"].abs().max()))
    axis.set(ylim=(-reach, reach), xlabel="Distance over the sum of covalent radii", ylabel="Energy (eV)")
    axis.set_xlim(0.3, min(4.0, float((table["distance_A"] / table["radii_A"]).max())))
    if bad:
        axis.legend(loc="upper right", ncols=2)


def _search(axis: Axes, one: Answer, table: pd.DataFrame) -> None:
    """Shares of holes: of all structures, and of each composition, or of those with the most."""
    worst = sorted(one.rows[1:], key=lambda row: -row["estimate"])[:COMPOSITIONS]
    rows = [row for row in one.rows if row is one.rows[0] or row in worst]
    for k, row in enumerate(rows):
        _point(axis, k, row, "#888888" if k else COLORS[one.verdict], capsize=2, elinewidth=0.8)
    _limit(axis, one.rows[0]["limit"])
    names = [row["what"].removeprefix("holes of ") for row in rows]
    axis.set_xticks(range(len(names)), names, rotation=90 if len(names) > 5 else 0)
    axis.set(ylim=(-0.03, 1.03), xlim=(-0.6, len(names) - 0.4), ylabel="Share of holes")


def _simulation(axis: Axes, one: Answer, table: pd.DataFrame) -> None:
    """The share of simulations that are still stable, against time, for each seed."""
    length = float(table["length_ps"].iloc[0])
    for _, own in table.groupby("seed", sort=False):
        ends = np.sort(own["failed_ps"].dropna().to_numpy())
        times = np.concatenate([[0.0], ends, [length]])
        left = 1 - np.arange(len(ends) + 1) / len(own)
        axis.step(times, [*left, left[-1]], where="post", color="#4477aa", linewidth=1.0, alpha=0.8)
    row = one.rows[0]
    _point(axis, length, row, COLORS[row["verdict"]])
    _limit(axis, row["limit"])
    axis.set(ylim=(-0.03, 1.06), xlim=(0, 1.05 * length), xlabel="Time (ps)", ylabel="Share still stable")


def _point(axis: Axes, place: float, row: Mapping[str, Any], color: str, capsize: float = 3, **look: Any) -> None:
    """What was measured, with its interval."""
    bars = styles.bars(pd.DataFrame([row]))
    axis.errorbar([place], [row["estimate"]], yerr=bars, fmt="o", capsize=capsize, color=color, **look)


def _limit(axis: Axes, value: float) -> None:
    axis.axhline(value, color=styles.DARK, linestyle="--", linewidth=0.8)
