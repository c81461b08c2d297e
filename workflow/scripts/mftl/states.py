"""State tables: what became of each structure that a level of theory asks for.

CSV with a row for each: ``id``, ``state`` (done or failed), ``reason``, ``exit_code`` and ``message`` (the last one) of
the program that failed, ``settings`` (a hash of all that makes a label at this level), ``seconds``. Apart from
``labels``, so that a change in how labels are computed does not set off predictions, which only read what they cost.
"""

import logging
from pathlib import Path

import pandas as pd

from mftl.inputs import InputError

COLUMNS = ["id", "state", "reason", "exit_code", "message", "settings", "seconds"]


def read_states(path: str | Path) -> pd.DataFrame:
    """A state table. Raises InputError if columns are missing, an id appears twice, or a state is unknown."""
    texts = dict.fromkeys([one for one in COLUMNS if one != "seconds"], str)
    table = pd.read_csv(path, dtype=texts, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; a state table has {', '.join(COLUMNS)}")
    if table["id"].duplicated().any():
        raise InputError(f"{path}: the id {table['id'][table['id'].duplicated()].iloc[0]} appears twice")
    if not table["state"].isin(["done", "failed"]).all():
        raise InputError(f"{path}: a state is neither done nor failed")
    return table[COLUMNS].assign(seconds=pd.to_numeric(table["seconds"]))


def write_states(path: str | Path, states: pd.DataFrame) -> None:
    """Write a state table; the file appears under its name only when whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    states[COLUMNS].to_csv(temporary, index=False)
    temporary.replace(path)


def mean_seconds(path: str | Path, ids: list[str]) -> float:
    """Average seconds that the labels of these structures took, from a state table; nan, with a warning, if unknown."""
    seconds = read_states(path).set_index("id")["seconds"].loc[ids]
    if seconds.isna().any():
        logging.warning(
            "what a label costs at this level is not known: %s has no times, since the labels came with the data", path
        )
    return float(seconds.mean(skipna=False))
