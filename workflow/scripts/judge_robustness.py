"""Tables of tests -> verdicts with all that was measured, and a page in words."""

from pathlib import Path

import pandas as pd

from mftl.jobs import job
from mftl.robustness.page import page
from mftl.robustness.verdicts import answers

with job(snakemake):
    found = answers(dict(snakemake.input.items()), snakemake.params.settings)
    table = pd.concat([one.table().dropna(axis="columns", how="all") for one in found], ignore_index=True)
    table.to_csv(snakemake.output.csv, index=False, float_format="%.6g")
    Path(snakemake.output.md).write_text(page(found, snakemake.params.settings), encoding="utf-8")
