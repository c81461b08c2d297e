"""Errors of a model and of a level against another level, on the same structures."""

from typing import Any

import pandas as pd

from mftl.comparison import Compared, summary


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for model and level and each quantity; ``comparison.summary``."""
    return summary(settings["figure"], Compared.load(inputs["compared"]))
