"""What became of all simulations of a figure."""

from typing import Any

import pandas as pd

from mftl.stability import collect


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each simulation, with what is known of its model; ``dynamics.simulation``."""
    return collect(settings["runs"], [pd.read_csv(path, keep_default_na=True) for path in inputs["events"]])
