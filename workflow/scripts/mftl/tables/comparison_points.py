"""Errors of a model and of a level against another level, with intervals and draws."""

from typing import Any

import pandas as pd

from mftl.comparison import Compared, point_table


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for model and level, each quantity and each number; ``comparison.point_table``."""
    return point_table(settings["figure"], Compared.load(inputs["compared"]))
