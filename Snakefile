# mftl: multi-fidelity transfer learning of interatomic potentials. Every figure is a target:
#
#     snakemake results/fig4.pdf
#
# source -> pool -> labels -> split -> train (recursive) -> predict -> errors -> figure
#                                                      -> dynamics -> observables -> figure
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
HOME = "" if ROOT == Path.cwd() else f"{ROOT}/"  # where what ships lies, if another folder's workflow uses this one
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))


# A configuration that describes systems or lists studies stands alone; any other one changes values of config.yaml.
if not {"systems", "studies"} & config.keys():

    configfile: f"{HOME}config.yaml"


from mftl.setup import begin

CONFIG = begin(config, ROOT, workflow.is_main_process, WorkflowError)

from mftl import downloads, engines, jobs, plan, recipe
from mftl.plan import dynamics, figures, labels, pools, prediction, training
from mftl.sources import source_hash

of = plan.planner(CONFIG, WorkflowError)
CLAIMS = f"{HOME}resources/claims.yaml"
# a plan may be made on another machine; conda brings an engine for the job alone
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
needs_engines = lambda: not (workflow.dryrun or CONDA)


# Used with --sdm conda apptainer alone: conda then makes the environments of the rules inside of it.
container: "docker://condaforge/miniforge3:25.3.1-0"


wildcard_constraints:
    system=recipe.NAME,
    level=recipe.LEVEL,
    architecture="[A-Za-z0-9_-]+",
    seed=r"\d+",
    curve=recipe.NAME,
    protocol=recipe.NAME,
    figure=r"[A-Za-z][A-Za-z0-9_-]*(/[A-Za-z][A-Za-z0-9_-]*)?",


rule all:
    default_target: True
    input:
        expand("results/{figure}.{ending}", figure=CONFIG.figures, ending=["pdf", "bib"]),
        expand("results/{study}{name}", study=figures.studies(CONFIG), name=["figures.pdf", "paper.csv"]),


for phase in (
    "downloads",
    "pools",
    "labels",
    "training",
    "prediction",
    "dynamics",
    "figures",
    "provenance",
    "benchmarks",
):

    include: f"workflow/rules/{phase}.smk"


onerror:
    jobs.explain(log)
