"""Points of curves on groups of test structures, and on all of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mftl.errors import point_table
from mftl.extxyz import read_ids, read_info
from mftl.inputs import InputError

ALL = "all"


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each ``group``, curve, value, quantity and kind of error; ``errors.point_table``.

    ``key`` and ``groups`` of ``settings``: the info key that makes them, and its values in order, all that occur if
    there are none. A last group holds the whole test set. Raises InputError if no test structure is in a group.
    """
    predictions = dict(zip(settings["curves"], map(Path, inputs["predictions"]), strict=True))
    with np.load(inputs["predictions"][0]) as stored:
        tested = set(map(str, stored["ids"]))
    members: dict[str, set[str]] = {}
    for one, value in zip(read_ids(inputs["pool"]), read_info(inputs["pool"], settings["key"]), strict=True):
        if value is not None and one in tested:
            members.setdefault(value, set()).add(one)
    parts = []
    for group in settings["groups"] or sorted(members):
        if group not in members:
            where = f"figures.{settings['figure']}.groups"
            raise InputError(f"{where}: no test structure has {settings['key']} {group}, only {', '.join(members)}")
        own = point_table(settings["figure"], predictions, members[group], settings["units"])
        parts.append(own.assign(group=group))
    parts.append(point_table(settings["figure"], predictions, None, settings["units"]).assign(group=ALL))
    found = pd.concat(parts, ignore_index=True)
    wanted = settings["values"]
    return found[found["value"].isin(wanted)] if wanted else found
