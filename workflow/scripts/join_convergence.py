"""Tables of all curves' budgets -> one, as CSV and as Markdown."""

from pathlib import Path

import pandas as pd

from mftl.jobs import job
from mftl.tables.convergence import markdown

with job(snakemake):
    table = pd.concat([pd.read_csv(path) for path in snakemake.input], ignore_index=True)
    table.to_csv(snakemake.output.csv, index=False)
    Path(snakemake.output.md).write_text(markdown(table, snakemake.params.unjudged), encoding="utf-8")
