"""Errors of committees' means on the test set, and how far their members are apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mftl import calibration, committees
from mftl.errors import Tested, of_models, value_table


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, value, test structure's energy and component of a force; ``errors.value_table``.

    The committee of a point is that of all its seeds; ``sigma`` is their spread (ddof 1), of the components of a force
    on an atom their root mean square. None is smaller than that of all but a few: members may agree by chance.
    """
    members: dict[tuple[str, int], list[Tested]] = {}
    predictions = dict(zip(settings["curves"], map(Path, inputs["predictions"]), strict=True))
    for keys, tested in of_models(settings["figure"], predictions):
        if keys["value"] in settings["values"]:
            members.setdefault((keys["curve"], keys["value"]), []).append(tested)
    parts = []
    for (curve, value), own in members.items():
        first = own[0]
        means, spread = calibration.of_committee(np.array([one.energies for one in own]))
        energies = means - first.references, first.sizes * committees.floored(spread / first.sizes)
        forces = None
        if first.reference_forces is not None:
            every = np.array([one.forces for one in own])
            forces = every.mean(0) - first.reference_forces, committees.floored(committees.spreads(every))
        about = {"curve": curve, "value": value, "estimate": "committee", "models": len(own)}
        parts.append(value_table(about, first, energies, forces, settings["units"]))
    return pd.concat(parts, ignore_index=True)
