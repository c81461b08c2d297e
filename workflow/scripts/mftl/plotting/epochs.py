"""Error against the epochs of a pre-training, with errors without it as horizontal lines."""

import pandas as pd
from matplotlib.figure import Figure

from mftl.plotting import learning_curves


def draw(inputs: dict, params: dict, style: dict) -> tuple[pd.DataFrame, Figure]:
    """The numbers drawn, and the figure, of a kind of figures; see ``mftl.figures``."""
    return learning_curves.draw(inputs, params | {"xlabel": "Pre-training epochs"}, style)
