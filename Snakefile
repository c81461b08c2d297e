# mftl: multi-fidelity transfer learning of interatomic potentials. Every figure is a target:
#
#     snakemake results/fig4.pdf
#
# source -> pool -> labels -> split -> train (recursive) -> predict -> errors -> figure
#                                                      -> dynamics -> observables -> figure
import os
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")


# A configuration that describes systems stands alone; any other one changes values of config.yaml.
if "systems" not in config:

    configfile: "config.yaml"


sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))
from mftl import checks, downloads, engines, jobs, locks, recipe
from mftl.config import study
from mftl.inputs import InputError
from mftl.sources import source_hash

try:
    CONFIG = checks.load(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

FIGURES = list(CONFIG.figures)
STUDIES = sorted(set(map(study, FIGURES)))

os.environ[jobs.CALL] = jobs.process(os.getpid()) or ""
if workflow.is_main_process:
    locks.enter()


# Used with --sdm conda apptainer alone: conda then makes the environments of the rules inside of it.
container: "docker://condaforge/miniforge3:25.3.1-0"


# On a cluster these run on the submitting host: what needs a network, and what takes less time than waiting in a queue.
localrules:
    download_slater_koster,
    snapshot,
    choose_epochs,
    plot_learning_curves,
    plot_epochs,
    plot_comparison,
    plot_force_parity,
    plot_low_levels,
    plot_box_plots,
    plot_scheme,
    choose_starts,
    collect_simulations,
    plot_stability,
    plot_stability_table,
    plot_structure,
    plot_phonons,
    figures,
    paper,


wildcard_constraints:
    system=recipe.NAME,
    level=recipe.LEVEL,
    architecture="[A-Za-z0-9_-]+",
    seed=r"\d+",
    curve=recipe.NAME,
    figure=r"[A-Za-z][A-Za-z0-9_-]*(/[A-Za-z][A-Za-z0-9_-]*)?",
    protocol=recipe.NAME,


rule all:
    default_target: True
    input:
        expand("results/{figure}.{ending}", figure=FIGURES, ending=["pdf", "bib"]),
        expand("results/{study}{name}", study=STUDIES, name=["figures.pdf", "paper.csv"]),


rule export:
    input:
        lambda w: exported(w),


include: "workflow/rules/common.smk"
include: "workflow/rules/downloads.smk"
include: "workflow/rules/pools.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/splits.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/benchmarks.smk"


onerror:
    jobs.explain(log)
