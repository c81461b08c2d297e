"""A file that is no rule's output, since Snakemake removes outputs before it runs a rule again -> one that is."""

import shutil
from pathlib import Path

from mftl.inputs import InputError
from mftl.jobs import job

with job(snakemake):
    source, output = Path(snakemake.params.file), Path(snakemake.output[0])
    if not source.is_file():
        raise InputError(f"{source} is gone; remove {snakemake.input[0]}, which it came with, and call again")
    shutil.copyfile(source, output)
