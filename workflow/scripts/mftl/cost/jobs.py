"""The jobs that a call would run, as Snakemake plans them."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mftl.inputs import InputError


@dataclass(frozen=True)
class Job:
    """A job that would run: its rule, its wildcards, and the files that it reads and writes."""

    rule: str
    wildcards: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is known by: its first output, or its rule if that only gathers files."""
        return self.outputs[0] if self.outputs else self.rule


def planned(values: Mapping[str, Any], targets: Iterable[str], snakefile: str | Path) -> list[Job]:
    """The jobs that a call with the configuration ``values`` would run for ``targets``: what is there is not counted.

    Raises InputError with what Snakemake says if there is no such plan.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
        call = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--configfile", str(file)]
        done = subprocess.run([*call, "--dry-run", "--nocolor", "--", *targets], capture_output=True, text=True)
    if done.returncode:
        said = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line and not line.startswith("Using")]
        raise InputError("\n".join([f"Snakemake has no plan for {' '.join(targets) or 'all figures'}:", *said[-12:]]))
    return read(done.stdout)


def read(text: str) -> list[Job]:
    """The jobs in what a dry run prints."""
    return [
        Job(rule, dict(one.split("=", 1) for one in _listed(block, "wildcards")),
            tuple(_listed(block, "input")), tuple(_listed(block, "output")))
        for rule, block in re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n?)+)", text, re.MULTILINE)
    ]  # fmt: skip


def behind(jobs: Iterable[Job], target: str) -> list[Job]:
    """Those of the jobs that have to run for one file, or for a rule that only gathers files."""
    makers = {file: job for job in jobs for file in job.outputs or (job.rule,)}
    found: dict[str, Job] = {}
    todo = [target]
    while todo:
        job = makers.get(todo.pop())
        if job is not None and job.name not in found:
            found[job.name] = job
            todo += job.inputs
    return list(found.values())


def _listed(block: str, key: str) -> list[str]:
    line = re.search(rf"^ {{4}}{key}: (.*)$", block, re.MULTILINE)
    return line[1].split(", ") if line else []
