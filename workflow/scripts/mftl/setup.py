"""What a call does before it plans: reads the configuration with its studies and plugs, and says who it is."""

import os
import sys
from typing import TYPE_CHECKING, Any

from mftl import jobs, locks, registry
from mftl.config.studies import complete
from mftl.inputs import InputError

if TYPE_CHECKING:
    from mftl.config.whole import Config


DEFAULT_RATE = 100, 1  # jobs, s: Snakemake's own limit


def lift_rate_limit(scheduler: Any) -> None:
    """Start jobs as soon as they can be, unless the call or its profile sets `max-jobs-per-timespan`.

    With a limit each job that ends sets off a timer that looks for jobs again, each time with the next timer: after 360
    jobs of all figures Snakemake had 380 threads and had used 0.85 CPU seconds a job. ``scheduler``: the workflow's,
    which is there only once the call begins to run: its settings are not, when the Snakefile is read.
    """
    limiter = getattr(scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT_RATE:
        scheduler.job_rate_limiter = None


def begin(values: dict[str, Any], main: bool, error: type[Exception]) -> "Config":
    """The configuration of a call, checked; ``values`` as read.

    ``main``: this is the call itself, not a job of it: it says which figures cannot be made, and keeps others out of
    the folder. Raises ``error`` with one line for each mistake.
    """
    try:
        whole = complete(values)
        registry.extend(whole.get("extensions") or [])
        from mftl import checks  # knows the plugs that there are when it is imported

        config = checks.load(whole)
        if main:
            for name in config.figures:
                if mistakes := checks.of_figure(config, name):
                    print("\n".join([f"Warning: the figure {name} cannot be made:", *mistakes]), file=sys.stderr)
    except InputError as reason:
        raise error(str(reason)) from None
    if not os.environ.keys() & {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}:
        # for the jobs: batches differ in size, and torch would keep a GPU's memory in pieces that fit few of them
        os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
    os.environ[jobs.CALL] = jobs.process(os.getpid()) or ""
    if main:
        locks.enter()
    return config
