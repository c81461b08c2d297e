"""How far levels of theory are from one of them."""

from typing import Any

import pandas as pd

from mftl.errors import compare_levels


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each level but the reference and each quantity; ``errors.compare_levels``."""
    units, reference = settings["units"], settings["reference"]
    files = dict(zip(settings["levels"], inputs["labels"], strict=True))
    rows = [row for level, path in files.items() for row in compare_levels(files[reference], path, level, units)]
    found = pd.DataFrame(rows)
    found.insert(1, "reference", reference)
    return found[found["level"] != reference]
