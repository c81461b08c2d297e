"""Profiles name rules that exist and resources that evaluate; a cluster's plan is made without the cluster."""

import re
import shutil

import pytest
import yaml
from calls import ROOT, copy_project, run
from snakemake.cli import parse_args
from snakemake.settings.types import DeploymentMethod

RULES = {
    name: body
    for path in (ROOT / "workflow/rules").glob("*.smk")
    for name, body in re.findall(
        r"^(?:use rule \w+ as |rule )(\w+)(?: with)?:\n((?:    .*\n|\n)*)", path.read_text(), re.MULTILINE
    )
}
# `measure` makes the tables for which models are run; the device is among a table's settings
ON_GPUS = {"measure"} | {name for name, body in RULES.items() if "device=CONFIG.device" in body}


def arguments(monkeypatch, *profiles: str):
    """What Snakemake makes of a call with these profiles."""
    monkeypatch.chdir(ROOT)
    _, args = parse_args([word for profile in profiles for word in ("--profile", profile)])
    return args


def read(profile: str) -> dict:
    return yaml.safe_load((ROOT / profile / "config.yaml").read_text())


def test_the_cluster_profile_names_rules_that_exist():
    assert len(RULES) > 20 and {"train", "label_chunk", "download"} <= set(RULES)
    assert set(read("slurm")["set-resources"]) <= set(RULES)
    assert {read("slurm/arrays")["slurm-array-jobs"]} <= set(RULES)
    assert set(read("profiles/local")["set-resources"]) <= set(RULES)


def test_rules_that_use_a_device_get_a_gpu():
    assert {"train", "predict", "measure"} <= ON_GPUS & set(RULES)
    resources = read("slurm")["set-resources"]
    assert {name for name, values in resources.items() if "gres" in values} == ON_GPUS
    assert {name for name, values in resources.items() if "slurm_partition" in values} == ON_GPUS
    assert set(read("profiles/local")["set-resources"]) == ON_GPUS


def test_what_needs_a_network_runs_on_the_submitting_host():
    loading = [name for name in RULES if "download" in name or name == "foundation_model"]
    assert len(loading) == 3
    for name in loading:
        assert "localrule: True" in RULES[name], name


@pytest.mark.parametrize("rule", ["", *sorted(read("slurm")["set-resources"])])
def test_resources_are_numbers_that_grow_with_each_attempt(monkeypatch, rule):
    args = arguments(monkeypatch, "slurm")
    resources = args.set_resources[rule] if rule else args.default_resources
    given = read("slurm")["set-resources"][rule] if rule else read("slurm")["default-resources"]
    assert set(given) <= set(resources)
    job = {"input": [], "threads": 1, "rulename": rule, "async_run": None}
    values = [
        {name: resources[name].evaluate(None, attempt=attempt, **job).value for name in given} for attempt in (1, 2, 3)
    ]
    for name, first, second, third in ((name, *(one[name] for one in values)) for name in given):
        if name in ("mem_mb", "runtime"):
            assert 0 < first < second <= third
        else:  # partitions and gres are strings without quotes
            assert first == second == third and re.fullmatch(r"[\w:-]+", first)


def test_partitions_stand_in_one_place_each():
    text = (ROOT / "slurm/config.yaml").read_text()
    assert text.count("slurm_partition") == 2 and text.count("slurm_account") == 1


def test_arrays_come_with_all_that_makes_them_safe(monkeypatch):
    args = arguments(monkeypatch, "slurm", "slurm/arrays")
    assert args.slurm_array_jobs == "label_chunk" and args.slurm_status_command == "squeue"
    assert args.jobs > 10**6 and args.max_jobs_per_timespan.max_jobs >= 10**5
    # what the other profile says holds as well
    assert args.executor == "slurm" and args.retries == 3 and args.slurm_keep_successful_logs


def test_conda_and_containers(monkeypatch):
    assert arguments(monkeypatch, "profiles/conda").software_deployment_method == {DeploymentMethod.CONDA}
    args = arguments(monkeypatch, "slurm", "profiles/apptainer")
    assert args.software_deployment_method == {DeploymentMethod.CONDA, DeploymentMethod.APPTAINER}
    assert args.apptainer_args == "--nv" and args.executor == "slurm"
    assert re.search(r'^container: "docker://[\w/]+:[\d.-]+"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)


def test_the_plugin_is_pinned_alike_everywhere():
    pin = re.search(r"snakemake-executor-plugin-slurm==[\d.]+", (ROOT / "requirements-dev.txt").read_text())[0]
    for name in ("slurm/config.yaml", "docs/cluster.md"):
        assert pin in (ROOT / name).read_text().replace("'", ""), name


@pytest.mark.parametrize("profiles", [["slurm", "slurm/arrays"], ["profiles/local"]])
def test_the_study_is_planned_without_a_cluster(tmp_path, profiles):
    folder = copy_project(tmp_path)
    shutil.copytree(ROOT / "slurm", folder / "slurm")
    words = [word for profile in profiles for word in ("--profile", profile)]
    done = run(folder, "-n", *words, "results/fig4.pdf")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = done.stdout.split("\n\n")
    (training, *_) = (job for job in jobs if "\nrule train:" in job)
    assert "config/paper.yaml" in done.stdout + done.stderr
    assert ("gres=gpu:1" if "slurm" in profiles else "gpu=4") in training


@pytest.mark.parametrize(
    ("files", "trainings", "simulations"),
    [
        (["config/paper.yaml"], 1088, 101),
        (["config/paper.yaml", "config/paper-extended.yaml"], 1106, 206),
        (["config/paper.yaml", "config/paper-extended.yaml", "config/paper/strategies.yaml"], 1352, 236),
    ],
    ids=["paper", "extended", "strategies"],
)
def test_all_campaigns_at_the_papers_scale_are_planned(tmp_path, files, trainings, simulations):
    """All of them, offline and without DFTB+; docs/cluster.md says what so many jobs cost."""
    done = run(copy_project(tmp_path), "-n", "--quiet", "rules", "--configfile", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)}
    assert (jobs["train"], jobs["dynamics"], jobs["download_slater_koster"]) == (trainings, simulations, 1)
    assert f"**{trainings}** trainings" in (ROOT / "docs/cluster.md").read_text() or len(files) > 1
    more = f"{trainings - 1106} trainings and {simulations - 206} simulations"
    assert more in (ROOT / "docs/paper-scale.md").read_text() or len(files) < 3
