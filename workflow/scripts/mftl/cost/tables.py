"""Tables of what jobs cost: by rule, and by figure with all that it rests on."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mftl.config.whole import Config
from mftl.cost import work
from mftl.cost.jobs import Job, behind
from mftl.cost.rates import Rates
from mftl.cost.work import Work

ON_GPU = (
    "train",
    "predict",
    "predict_twice",
    "compare_structures",
    "export_last_layer",
    "dynamics",
    "measure",
    "select",
)
# CPU seconds of a job besides what is counted by `work`: starting Python, importing, reading, building a model, writing
START = {"train": 4.5, "predict": 4.0, "predict_twice": 4.0, "compare_structures": 4.0,
         "export_last_layer": 4.0, "dynamics": 4.0, "measure": 4.0,
         "select": 4.0,
         "label_chunk": 2.0, "collect_labels": 2.0, "load_dataset": 60.0, "build_pool": 1.0, "snapshot": 0.3,
         "plot": 1.8, "advise": 8.0, "draw_advice": 1.8}  # fmt: skip
OTHER = 1.0
SNAKEMAKE = 0.25  # s of a job, of Snakemake itself
ATOM = 110  # bytes of an atom with its forces as text
FORCE = 24  # bytes of an atom's forces as numbers
SECONDS_PER_HOUR = 3600.0


COLUMNS = ["jobs", "million_steps", "cpu_hours", "gpu_hours", "disk_gb"]


def priced(config: Config, planned: Iterable[Job], rates: Rates) -> pd.DataFrame:
    """A row for each job: its rule, its name, and what it costs in ``COLUMNS``."""
    rows = []
    for job in planned:
        does = work.of(config, job)
        seconds = START.get(job.rule, OTHER) + does.seconds
        seconds += sum(count * rates.of_step(step) for step, count in does.steps.items())
        for subject, (structures, batches) in does.evaluated.items():
            rate = rates.of(subject)
            seconds += batches * rate.batch + structures * rate.structure
        gpu = rates.on_gpu and job.rule in ON_GPU
        labels = sum(count * rates.of_label(*key)[0] for key, count in does.labels.items())
        rows.append({
            "rule": job.rule,
            "output": job.name,
            "jobs": 1,
            "million_steps": max(does.steps.values(), default=0) / 1e6,  # two heads take their steps together
            "cpu_hours": ((0.0 if gpu else seconds) + labels + SNAKEMAKE) / SECONDS_PER_HOUR,
            "gpu_hours": (seconds if gpu else 0.0) / SECONDS_PER_HOUR,
            "disk_gb": _disk(does, rates) / 1e9,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["rule", "output", *COLUMNS])


def by_rule(found: pd.DataFrame) -> pd.DataFrame:
    """A row for each rule, the dearest first, and one for all."""
    table = found.groupby("rule", sort=False)[COLUMNS].sum().sort_values(["gpu_hours", "cpu_hours"], ascending=False)
    table.loc["all"] = table.sum()
    return table.rename_axis("rule").reset_index().astype({"jobs": int})


def by_target(found: pd.DataFrame, planned: list[Job], targets: Iterable[str]) -> pd.DataFrame:
    """A row for each target: what all jobs cost that have to run for it."""
    by_output = found.set_index("output")
    rows = [by_output.loc[[job.name for job in behind(planned, one)], COLUMNS].sum() for one in targets]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"jobs": int}).assign(target=list(targets))[["target", *COLUMNS]]


def _disk(does: Work, rates: Rates) -> float:
    """Bytes that a job writes."""
    size: float = does.downloaded + sum(count * rates.of(one).weights for one, count in does.weights.items())
    for one, counted in ((ATOM, does.frames), (FORCE, does.forces)):
        size += sum(count * one * rates.of(subject).atoms for subject, count in counted.items())
    return size


def markdown(rules: pd.DataFrame, targets: pd.DataFrame, rates: Mapping[str, str], cores: int) -> str:
    """Both tables for readers, and below them what they rest on."""
    total = rules.iloc[-1]
    lines = [
        *_table(rules),
        "",
        "Each alone, with all that it rests on and that is not there yet; what several need counts for each:",
        "",
        *_table(targets),
        "",
        f"On {cores} cores, one thread each: {_duration(total.cpu_hours / cores)} at least"
        + (f"; on one GPU {_duration(total.gpu_hours)}, one job at a time." if total.gpu_hours else "."),
        "Training is counted to the end of its planned epochs; patience may end it earlier. What it rests on:",
        "",
        *(f"- {what}: {how}" for what, how in rates.items()),
    ]
    return "\n".join(lines) + "\n"


def _table(table: pd.DataFrame) -> list[str]:
    head = [name.replace("_", " ") for name in table.columns]
    rows = [[f"{one:.3g}" if isinstance(one, float) and one < 1000 else _whole(one) for one in row]
            for row in table.itertuples(index=False)]  # fmt: skip
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.0f}"


def _duration(hours: float) -> str:
    return f"{60 * hours:.0f} minutes" if hours < 2 else f"{hours:.1f} hours"
