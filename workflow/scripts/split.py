"""Test, validation and training ids of a system -> results/splits/<system>.json"""

import json
from pathlib import Path

import pandas as pd

from mftl.config import Split
from mftl.extxyz import read_ids
from mftl.jobs import job
from mftl.splits import divide

with job(snakemake):
    states = pd.read_csv(snakemake.input.states, dtype={"id": str})
    labelled = set(states.loc[states["state"] == "done", "id"])
    params = snakemake.params
    settings = Split(**params.settings)
    sets = divide(read_ids(snakemake.input.pool), labelled, settings)
    Path(snakemake.output[0]).write_text(json.dumps(sets, indent=0), encoding="utf-8")
