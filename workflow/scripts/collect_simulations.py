"""What became of all simulations of a figure -> one table, a row for each."""

import pandas as pd

from mftl.jobs import job
from mftl.stability import collect

with job(snakemake):
    tables = [pd.read_csv(path, keep_default_na=True) for path in snakemake.input]
    collect(snakemake.params.runs, tables).to_csv(snakemake.output[0], index=False)
