"""One file of benchmarks/ -> the table of what it measured; what it prints goes to the log."""

import os
import subprocess
import sys

from mftl.inputs import InputError
from mftl.jobs import job

with job(snakemake):
    command = [sys.executable, snakemake.input[0], snakemake.output[0]]
    done = subprocess.run(command, stdout=sys.stderr, stderr=sys.stderr, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    if done.returncode:
        raise InputError(f"{snakemake.input[0]} failed; its words are in {snakemake.log[0]}")
