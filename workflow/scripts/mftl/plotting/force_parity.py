"""Force components of a model and a level against another level."""

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mftl.comparison import Compared
from mftl.plotting import style as styles
from mftl.plotting.parity import common_limits, parity


def plot(
    data: Compared, summary: pd.DataFrame, series: dict[str, dict], reference: str, style: dict, title: str = ""
) -> Figure:
    """Two panels, model and level; arguments as in ``comparison.plot``."""
    with styles.context(style):
        figure, axes = plt.subplots(1, 2, figsize=(style["width"], 1.1 * style["height"]), layout="constrained")
        limits = common_limits(*data.forces)
        for k, (axis, letter, (name, one)) in enumerate(zip(axes, "ab", series.items(), strict=True), start=1):
            parity(axis, data.forces[0].ravel(), data.forces[k].ravel(), one["color"], limits)
            rmse = summary[(summary["curve"] == name) & (summary["quantity"] == "forces")]["rmse"].item()
            axis.set_xlabel(f"Reference, {reference} (eV/Å)")
            axis.set_ylabel("Force component (eV/Å)")
            styles.panel(axis, letter, f"{one['label']}\nRMSE {rmse:.0f} meV/Å")
        text = f"force components of {len(data.sizes)} structures; darker: more components (logarithmic)"
        styles.small_print(figure, text, style)
        styles.title(figure, title)
    return figure


def draw(inputs: dict, params: dict, style: dict) -> tuple[Path, Figure]:
    """The file of the numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    data, errors = Compared.load(inputs["data"]), pd.read_csv(inputs["errors"])
    figure = plot(data, errors, params["series"], params["reference"], style, params["title"])
    return Path(inputs["structures"]), figure
