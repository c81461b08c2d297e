"""Errors of all models of some curves, averaged over the test set."""

from pathlib import Path
from typing import Any

import pandas as pd

from mftl.errors import error_table
from mftl.structures import Structures


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, recipe, size, epochs, seed and quantity; ``errors.error_table``."""
    only = set(Structures(inputs["pool"]).having(settings["only"])) if settings.get("only") else None
    predictions = dict(zip(settings["curves"], map(Path, inputs["predictions"]), strict=True))
    return error_table(settings["figure"], predictions, only)
