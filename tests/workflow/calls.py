"""A copy of the project in a folder of its own, and calls of Snakemake in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))


def copy_project(folder: Path, configuration: dict | None = None) -> Path:
    """A copy whose data are a link; ``configuration`` takes the place of config.yaml."""
    for name in ("workflow", "config", "profiles", "envs", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder)
    if configuration:
        (folder / "config.yaml").write_text(yaml.safe_dump(configuration, allow_unicode=True))
    (folder / "resources").symlink_to(ROOT / "resources")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """What a call came to."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        [SNAKEMAKE, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )


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
