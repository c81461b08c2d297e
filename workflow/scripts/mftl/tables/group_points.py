"""Mean errors of groups of test structures, with intervals and draws."""

from typing import Any

import pandas as pd

from mftl.errors import group_table
from mftl.tables import structure_errors


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, group, quantity and kind of error; ``errors.group_table``."""
    return group_table(structure_errors.table(inputs, settings))
