"""What the paper claims and the errors of our figures -> the paper's numbers beside ours."""

from pathlib import Path

import pandas as pd

from mftl.claims import compare, read_claims
from mftl.jobs import job

with job(snakemake):
    tables = {Path(path).stem: pd.read_csv(path) for path in snakemake.input.tables}
    result = compare(read_claims(snakemake.input.claims), tables, snakemake.params.scale)
    result.to_csv(snakemake.output[0], index=False, float_format="%.6g")
    print(result.to_string(index=False))
