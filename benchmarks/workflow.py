"""What the workflow itself costs: planning, a call with nothing to do, a job, and how jobs grow with the pool.

    python benchmarks/workflow.py [TABLE.csv]

The plan is of all that config/paper.yaml can make. The rest runs in a temporary copy of the project with a small
model: structures are distorted copies of the built-in molecules, labelled with GFN1-xTB. Memory is the most that a
process of a job held.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import ROOT, Table, run

import numpy as np
import yaml

from mftl.structures import Structures, write_structures

ROUNDS = 5
POOLS = 1000, 10_000, 50_000  # structures
TRAINING, VALIDATION, TEST = 100, 50, 500
SNAPSHOTS = [1, 2, 3, 4, 5, 6, 7, 8]
ENTRIES = ("Snakefile", "config.yaml", "studies", "config", "envs", "profiles", "workflow")


def snakemake(folder: Path, *arguments: str) -> tuple[float, str]:
    """Elapsed seconds of a call, and what it said."""
    start = time.perf_counter()
    command = [Path(sys.executable).with_name("snakemake"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return time.perf_counter() - start, done.stdout + done.stderr


def project(folder: Path, structures: int) -> Path:
    """A copy of the project with a pool of so many structures and one curve over epochs."""
    for name in ENTRIES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    (folder / "resources").symlink_to(ROOT / "resources")
    built_in, rng = Structures(ROOT / "resources/molecules/molecules.extxyz.xz"), np.random.default_rng(1)

    def distorted():
        for i in range(structures):
            atoms = built_in.at(i % len(built_in))
            atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
            atoms.info = {"id": f"m-{i:06d}"}
            yield atoms

    write_structures(folder / "pool.extxyz", distorted())
    system = {"elements": ["H", "C", "N", "O", "S", "Cl"], "pool": {"file": "pool.extxyz"}}
    system["levels"] = {"gfn1-xtb": {"engine": "tblite", "method": "GFN1-xTB"}}
    system["split"] = {"level": "gfn1-xtb", "test": TEST, "validation": VALIDATION}
    curve = {"label": "one", "recipe": f"molecules.gfn1-xtb.n{TRAINING}.e*", "values": SNAPSHOTS}
    values = {
        "seeds": 1,
        "systems": {"molecules": system},
        "labels": {"workers": 1, "chunk_size": 1000},
        "curves": {"one": curve},
        "figures": {"fig": {"kind": "epochs", "curves": ["one"]}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    return folder


def used(folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Elapsed seconds and MiB of all jobs of each rule, from the records they leave."""
    jobs: dict[str, tuple[list[float], list[float]]] = {}
    seen = set()
    for path in sorted((folder / "results").rglob("*.provenance.json")):
        record = json.loads(path.read_text())
        if (key := tuple(record["outputs"])) in seen:
            continue
        seen.add(key)
        start, end = (np.datetime64(record[name].split("+")[0]) for name in ("start", "end"))
        seconds, memory = jobs.setdefault(record["rule"], ([], []))
        seconds.append((end - start) / np.timedelta64(1, "s"))
        memory.append(record["used"]["memory_mib"])
    return jobs


def measure(table: Table) -> None:
    """Plan, then run on pools of growing size, one job at a time."""
    seconds, said = [], ""
    for _ in range(ROUNDS):
        one, said = snakemake(ROOT, "-n", "--nolock", "--configfile", "config/paper.yaml")
        seconds.append(one)
    jobs = re.search(r"^total +(\d+)$", said, re.MULTILINE)[1]
    table.add(f"plan of all {jobs} jobs of config/paper.yaml", "elapsed", seconds, "s")
    for structures in POOLS:
        with tempfile.TemporaryDirectory() as name:
            folder = project(Path(name), structures)
            snakemake(folder, "--cores", "1", "results/fig.pdf")
            for rule, (elapsed, memory) in used(folder).items():
                table.add(f"pool of {structures}", f"{rule}, elapsed", elapsed, "s")
                table.add(f"pool of {structures}", f"{rule}, memory", memory, "MiB")
            idle = [snakemake(folder, "--cores", "1", "results/fig.pdf")[0] for _ in range(ROUNDS)]
            nothing = table.add(f"pool of {structures}", "a call with nothing to do, elapsed", idle, "s")
            if structures == POOLS[0]:
                copies = sorted((folder / "results/models").rglob("*.e*/seed-1/model.pt"))
                overheads = []
                for _ in range(ROUNDS):
                    for path in copies:
                        path.unlink()
                    targets = [str(path.relative_to(folder)) for path in copies]
                    overheads.append((snakemake(folder, "--cores", "1", *targets)[0] - nothing) / len(copies))
                table.add("a job that copies a file", "elapsed, one after the other", overheads, "s")


if __name__ == "__main__":
    run(measure)
