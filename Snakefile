# mftl: multi-fidelity transfer learning of interatomic potentials. Every figure is a target:
#     snakemake results/fig4.pdf
#
# source -> pool -> labels -> split -> train (recursive) -> predict -> errors -> figure
#                                                      -> dynamics -> observables -> figure
import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")

# where the workflow lies, with a slash: another folder's Snakefile may use it
HOME = f"{os.path.relpath(workflow.current_basedir.get_path_or_uri(secret_free=True))}/".removeprefix("./")
sys.path.insert(0, os.path.abspath(f"{HOME}workflow/scripts"))

from mftl.setup import begin, lift_rate_limit

CONFIG = begin(config, workflow.is_main_process, WorkflowError)

from mftl import catalogue, engines, jobs, plan
from mftl.plan import (
    advice,
    convergence,
    cost,
    dynamics,
    figures,
    forecasts,
    labels,
    pools,
    prediction,
    robustness,
    selections,
    training,
)
from mftl.sources import source_hash

of = plan.planner(CONFIG, WorkflowError)
CLAIMS = f"{HOME}resources/claims.yaml"
# a plan may be made on another machine; conda brings an engine for the job alone
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
needs_engines = lambda: not (workflow.dryrun or CONDA)


# Used with --sdm conda apptainer alone: conda then makes the environments of the rules inside of it.
container: "docker://condaforge/miniforge3:25.3.1-0"


wildcard_constraints:
    **plan.CONSTRAINTS,


rule all:
    default_target: True
    input:
        of(figures.everything),


include: "workflow/rules/downloads.smk"
include: "workflow/rules/pools.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/selections.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/convergence.smk"
include: "workflow/rules/forecasts.smk"
include: "workflow/rules/advice.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/cost.smk"


onstart:
    lift_rate_limit(workflow.scheduler)


onerror:
    jobs.explain(log)
