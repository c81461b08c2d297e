"""Calls of Snakemake as forks of one process that has it imported: importing takes longer than most plans.

    python starter.py

Each line of input is a call, ``{"folder": ..., "arguments": [...], "environment": {}, "said": file, "wrong": file}``,
and is answered by its exit code. The scripts that a call runs are processes of their own, as always.
"""

import gc
import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

from snakemake.cli import get_argument_parser, main

LATER = ("nbformat", "pydantic", "smart_open", "snakemake.dag", "snakemake.report", "snakemake.script")
SECONDS = 900  # of any call: no measure, only an end


def call(folder: str, arguments: list[str], environment: dict[str, str], said: str, wrong: str) -> None:
    """Do what the program snakemake does, and end."""
    signal.alarm(SECONDS)
    for number, path in ((0, os.devnull), (1, said), (2, wrong)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name("snakemake")), *arguments]
    main(arguments)


if __name__ == "__main__":
    for name in LATER:  # what Snakemake, or the workflow, imports in every call
        import_module(name)
    get_argument_parser()  # finds the plugins
    gc.freeze()  # nothing of all this is garbage
    for line in sys.stdin:
        child = os.fork()
        if not child:
            call(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
