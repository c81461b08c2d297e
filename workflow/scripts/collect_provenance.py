"""The records of all results that are there -> one table, and all of them in one file."""

import json
from pathlib import Path

import pandas as pd

from mftl.jobs import job
from mftl.provenance import collect, row

with job(snakemake):
    folder = Path(snakemake.params.folder)
    records = list(collect(folder))
    (folder / "provenance.json").write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    pd.DataFrame(map(row, records)).to_csv(folder / "provenance.csv", index=False)
