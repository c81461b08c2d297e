"""Errors of single test structures, in groups by what is known of them."""

from pathlib import Path
from typing import Any

import pandas as pd

from mftl.errors import structure_table
from mftl.extxyz import read_ids, read_info


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, seed, test structure and quantity; ``errors.structure_table``."""
    pool, wanted = inputs["pool"], settings["groups"]
    values = zip(read_ids(pool), read_info(pool, settings["key"]), strict=True)
    groups = {one: value for one, value in values if value is not None and (not wanted or value in wanted)}
    predictions = dict(zip(settings["curves"], map(Path, inputs["predictions"]), strict=True))
    return structure_table(settings["figure"], predictions, settings["value"], groups, settings["units"])
