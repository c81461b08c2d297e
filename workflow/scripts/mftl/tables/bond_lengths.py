"""Lengths of bonds in labelled structures."""

from typing import Any

import numpy as np
import pandas as pd

from mftl.observables.bonds import lengths
from mftl.structures import Structures

WIDTH = 0.01  # Å


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A histogram for each panel: ``distance_A``, the middle of a bin, and the ``share`` of all bonds in it."""
    parts = []
    for panel, bond, path in zip(settings["panels"], settings["bonds"], inputs["labels"], strict=True):
        found = lengths(Structures(path), bond)
        edges = np.arange(np.floor(found.min() / WIDTH), np.ceil(found.max() / WIDTH) + 1) * WIDTH
        counts, _ = np.histogram(found, edges)
        middles = (edges[1:] + edges[:-1]) / 2
        parts.append(pd.DataFrame({"panel": panel, "distance_A": middles, "share": counts / counts.sum()}))
    return pd.concat(parts, ignore_index=True)
