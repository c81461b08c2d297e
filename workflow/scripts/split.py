"""Test, validation and training ids of a system -> results/splits/<system>.json"""

import json
from pathlib import Path

import pandas as pd

from mftl.config.splits import Split
from mftl.extxyz import read_ids, read_info
from mftl.jobs import job
from mftl.splits import chosen_by, divide

with job(snakemake):
    states = pd.read_csv(snakemake.input.states, dtype={"id": str})
    labelled = set(states.loc[states["state"] == "done", "id"])
    params = snakemake.params
    settings, pool = Split(**params.settings), snakemake.input.pool
    ids, info = read_ids(pool), {key: read_info(pool, key) for key in settings.test_only}
    strata = dict(zip(ids, read_info(pool, settings.stratify), strict=True)) if settings.stratify else None
    sets = divide(ids, labelled, settings, chosen_by(settings.test_only, ids, info), strata)
    Path(snakemake.output[0]).write_text(json.dumps(sets, indent=0), encoding="utf-8")
