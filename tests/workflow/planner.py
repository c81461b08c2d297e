"""What Snakemake would run after each of many changes, asked in one process: starting it costs more than a plan.

    python planner.py CONFIGURATION < changes.jsonl

runs in a copy of the project. First all that the configuration asks for is made out to be finished: empty outputs,
with the records that Snakemake keeps of finished jobs. Each line of input is then a change: ``{"config": values}``, a
whole configuration; ``{"append": file, "text": text}``, something at the end of a file; ``{"times": seconds}``, all
files with such a time; ``{"copy": folder}``, the project as it is in another folder, all files new. Each is answered by
a line, the number of jobs of each rule or ``{"refused": message}``. Files are as before afterwards.
"""

import gc
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.logging import logger
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    ExecutionSettings,
    OutputSettings,
    Quietness,
    RerunTrigger,
    ResourceSettings,
)

PROFILE = yaml.safe_load(Path("profiles/default/config.yaml").read_text())
TARGETS = {
    "all",
    "advice",
    "export",
    "benchmarks",
    "convergence",
    "forecasts",
    "robustness",
    "verify_labels",
    "results/best/fig4/model.pt",
    "results/levels/molecules.csv",
    "results/selections/spread/seed-1/order.csv",
    *(f"results/selections/next/seed-1/{program}.csv" for program in ("orca", "vasp", "pyscf")),
    "results/labels/simple/dftb.extxyz",
    "results/pools/moving.extxyz",
    "results/labels/scanned/gfn1.extxyz",
    *(f"results/predictions/{curve}.npz" for curve in ("metal", "water", "published")),
}


class Stats(logging.Handler):
    """Catches how many jobs of each rule Snakemake says it would run."""

    jobs: dict[str, int] = {}  # noqa: RUF012

    def emit(self, record: logging.LogRecord) -> None:
        if stats := getattr(record, "stats", None):
            self.jobs = {rule: count for rule, count in sorted(stats.items()) if rule not in ("total", "all")}


def call(values: dict, executor: str) -> tuple[dict[str, int], list[str]]:
    """Jobs by rule and output files of what Snakemake runs with what the profile sets."""
    outputs, stats = [], Stats()
    with SnakemakeApi(OutputSettings(quiet={Quietness.RULES, Quietness.PROGRESS})) as api:
        for handler in logger.handlers:
            handler.setLevel(logging.CRITICAL)
        logger.addHandler(stats)
        workflow = api.workflow(ResourceSettings(cores=1), ConfigSettings(config=values), snakefile=Path("Snakefile"))
        dag = workflow.dag(
            DAGSettings(
                targets=TARGETS,
                forceall=executor == "touch",  # without a reason to run a job gets no record
                rerun_triggers=RerunTrigger.parse_choices_set(PROFILE["rerun-triggers"]),
                max_checksum_file_size=PROFILE["max-checksum-file-size"],
            )
        )
        dag.execute_workflow(executor, execution_settings=ExecutionSettings(lock=False), updated_files=outputs)
    return stats.jobs, outputs


def plan(values: dict) -> dict:
    """The answer for a configuration."""
    try:
        return call(values, "dryrun")[0]
    except Exception as error:
        return {"refused": str(error)}


def finish(values: dict) -> None:
    """Make all results out to be there."""
    for path in map(Path, call(values, "dryrun")[1]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    call(values, "touch")


@contextmanager
def appended(path: Path, text: str) -> Iterator[None]:
    """Something more at the end of a file, and a new time."""
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content + text.encode())
    try:
        yield
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextmanager
def copied(folder: Path) -> Iterator[None]:
    """Work in a copy whose files are all new, in another order than they were made."""
    here = Path.cwd()
    for name in (".snakemake", "results"):
        shutil.copytree(here / name, folder / name, copy_function=shutil.copy)
    for path in here.iterdir():
        if path.is_symlink():
            (folder / path.name).symlink_to(path.resolve())
        elif path.is_dir() and not (folder / path.name).exists():
            shutil.copytree(path, folder / path.name, copy_function=shutil.copy)
        elif path.is_file():
            shutil.copy(path, folder)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    """All files but Snakemake's own with one time."""
    paths = [path for path in Path().rglob("*") if path.is_file() and path.parts[0] not in (".snakemake", "resources")]
    before = {path: path.stat() for path in paths}
    for path in paths:
        os.utime(path, (seconds, seconds))
    try:
        yield
    finally:
        for path, status in before.items():
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def watch(values: dict) -> dict[tuple[str, ...], set[Path]]:
    """The files of each hash of code that Snakemake asks for, by what it is asked for: a script, perhaps modules."""
    sources, asked = sys.modules["mftl.sources"], {}
    reached = sources.reached

    def watched(script: str, *modules: str) -> dict[str, Path]:
        found = reached(script, *modules)
        asked[script, *modules] = {path.resolve() for path in (sources.SCRIPTS / f"{script}.py", *found.values())}
        return found

    sources.reached = watched
    sources.source_hash.cache_clear()
    plan(values)
    sources.reached = reached
    return asked


def users(path: Path, asked: dict[tuple[str, ...], set[Path]]) -> tuple[frozenset[tuple[str, ...]], frozenset[str]]:
    """The hashes of code that a file is in, and the engines; two files with the same are planned once."""
    engines = sys.modules["mftl.engines"]
    return (
        frozenset(names for names, files in asked.items() if path in files),
        frozenset(one for one in engines.sections() if path in engines.source_files(one)),
    )


def answer(change: dict, values: dict, asked: dict, known: dict) -> dict:
    """The answer to a change; ``known`` holds those to changes of code, of which ``asked`` says whom they concern."""
    if "config" in change:
        return plan(change["config"])
    if "append" in change:
        key = *users(Path(change["append"]).resolve(), asked), change["text"]
        if key not in known:
            source_hash = sys.modules["mftl.sources"].source_hash
            with appended(Path(change["append"]), change["text"]):
                source_hash.cache_clear()
                known[key] = plan(values)
            source_hash.cache_clear()
        return known[key]
    with copied(Path(change["copy"])) if "copy" in change else timed(change["times"]):
        return plan(values)


if __name__ == "__main__":
    base = yaml.safe_load(Path(sys.argv[1]).read_text())
    finish(base)
    asked, answers = watch(base), {}
    gc.disable()  # on its own it would look for garbage in all that is imported, for a third of a plan's time
    for number, line in enumerate(sys.stdin):
        print(json.dumps(answer(json.loads(line), base, asked, answers)), flush=True)
        if number % 20 == 19:
            gc.collect()
