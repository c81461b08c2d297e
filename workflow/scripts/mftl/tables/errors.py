"""Errors of all models of some curves, averaged over the test set."""

from pathlib import Path
from typing import Any

import pandas as pd

from mftl.errors import error_table
from mftl.structures import Structures


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, recipe, size, epochs, seed and quantity; ``errors.error_table``."""
    return error_table(settings["figure"], *of_curves(inputs, settings), settings["units"])


def of_curves(inputs: dict[str, Any], settings: dict[str, Any]) -> tuple[dict[str, Path], set[str] | None]:
    """The file of each curve's predictions, and which test structures count, all if None."""
    only = set(Structures(inputs["pool"]).having(settings["only"])) if settings.get("only") else None
    return dict(zip(settings["curves"], map(Path, inputs["predictions"]), strict=True)), only
