"""Labels of a system at all its levels -> how far each level is from the one that models are tested at."""

import pandas as pd

from mftl.errors import compare_levels
from mftl.jobs import job

with job(snakemake):
    files = dict(zip(snakemake.params.levels, snakemake.input, strict=True))
    rows = [compare_levels(files[snakemake.params.reference], path, level) for level, path in files.items()]
    table = pd.DataFrame([row for group in rows for row in group])
    table.insert(1, "reference", snakemake.params.reference)
    table[table["level"] != snakemake.params.reference].to_csv(snakemake.output[0], index=False)
