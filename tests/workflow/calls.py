"""A copy of the project in a folder of its own, and calls of Snakemake in it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# a configuration of a tiny model, with a system of a few of the built-in molecules
TINY = {
    "seeds": 1,
    "architectures": {"tiny": {"channels": 4, "radial_mlp": [8], "readout_channels": 4}},
    "training": {"epochs": 2, "min_steps": 0, "batch_size": 10},
}
MIXED = {
    "elements": ["H", "C", "N", "O", "S", "Cl"],
    "pool": {"file": "mixed.extxyz"},
    "split": {"level": "high", "test": 6, "validation": 4},
}
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))


def copy_project(folder: Path, configuration: dict | None = None) -> Path:
    """A copy whose data are a link; ``configuration`` takes the place of config.yaml."""
    for name in ("workflow", "config", "studies", "profiles", "envs", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder)
    if configuration:
        (folder / "config.yaml").write_text(yaml.safe_dump(configuration, allow_unicode=True))
    (folder / "resources").symlink_to(ROOT / "resources")
    return folder


@cache
def starter() -> subprocess.Popen:
    """The process whose forks the calls are; it ends with this one."""
    program = [sys.executable, str(Path(__file__).with_name("starter.py"))]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """What a call came to."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as place:
        said, wrong = Path(place, "said"), Path(place, "wrong")
        request = {"folder": str(folder), "arguments": arguments, "environment": environment}
        print(json.dumps(request | {"said": str(said), "wrong": str(wrong)}), file=starter().stdin, flush=True)
        code = int(starter().stdout.readline())
        return subprocess.CompletedProcess([SNAKEMAKE, *arguments], code, said.read_text(), wrong.read_text())


def succeed(folder: Path, *arguments: str) -> str:
    """What a call said, which must succeed."""
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Jobs that a call would run, by rule."""
    text = succeed(folder, "-n", *arguments)
    if "Nothing to be done" in text:
        return {}
    table = text.split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
