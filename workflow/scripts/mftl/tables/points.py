"""Points of curves, averaged over the test set and over seeds, with intervals and draws."""

from typing import Any

import pandas as pd

from mftl import points
from mftl.errors import point_table
from mftl.tables.errors import of_curves


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, value, quantity and kind of error; ``errors.point_table``."""
    found = point_table(settings["figure"], *of_curves(inputs, settings), settings["units"])
    points.warn(found)
    return found
