"""What a campaign would cost: what jobs do, what that takes, and how it adds up."""

from pathlib import Path

import pytest
import torch
import yaml

from mftl import catalogue, checks, engines, recipe
from mftl.config.studies import complete, overlaid
from mftl.cost import examples, tables, work
from mftl.cost.cards import CARDS
from mftl.cost.jobs import Job, behind, planned, read
from mftl.cost.rates import STATED, Rate, Rates
from mftl.cost.work import Step, Subject
from mftl.figures.structure_search import StructureSearch
from mftl.inputs import InputError
from mftl.plan.cost import targets

ROOT = Path(__file__).parents[2]
PLAN = """Building DAG of jobs...
Job stats:
job      count
-----  -------
train        1

[Sat Nov 21 17:59:12 2026]
rule train:
    input: results/labels/m/l.extxyz, results/splits/m.json
    output: results/models/tiny/m.l.n40/seed-1/model.pt, results/models/tiny/m.l.n40/seed-1/log.csv
    log: results/logs/train/tiny/m.l.n40/seed-1.log
    jobid: 3
    reason: Missing output files: results/models/tiny/m.l.n40/seed-1/model.pt
    wildcards: architecture=tiny, recipe=m.l.n40, seed=1
    resources: tmpdir=/tmp

[Sat Nov 21 17:59:12 2026]
localrule plot:
    input: results/models/tiny/m.l.n40/seed-1/model.pt
    output: results/fig4.pdf
    wildcards: figure=fig4
[Sat Nov 21 17:59:12 2026]
rule split:
    output: results/splits/m.json
    wildcards: system=m
"""


def config_of(*names: str, **changes):
    values: dict = {}
    for name in names:
        values = overlaid(values, yaml.safe_load((ROOT / name).read_text()))
    return checks.load(overlaid(complete(values, ROOT), changes), ROOT)


@pytest.fixture(scope="module")
def built_in():
    return config_of("config.yaml")


@pytest.fixture(scope="module")
def paper():
    return config_of("config/paper.yaml")


def train(path: str, architecture: str = "tiny", seed: int = 1) -> Job:
    return Job("train", {"architecture": architecture, "recipe": path, "seed": str(seed)}, (), ("x",))


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_jobs_are_read_from_a_dry_run():
    jobs = read(PLAN)
    assert [job.rule for job in jobs] == ["train", "plot", "split"]
    assert jobs[0].wildcards == {"architecture": "tiny", "recipe": "m.l.n40", "seed": "1"}
    assert jobs[0].inputs == ("results/labels/m/l.extxyz", "results/splits/m.json") and len(jobs[0].outputs) == 2
    assert jobs[2].inputs == ()


def test_what_has_to_run_for_a_file():
    jobs = read(PLAN)
    assert [job.rule for job in behind(jobs, "results/fig4.pdf")] == ["plot", "train", "split"]
    assert [job.rule for job in behind(jobs, "results/splits/m.json")] == ["split"]
    assert behind(jobs, "results/fig5.pdf") == []


# --- what they do -----------------------------------------------------------------------------------------------------


def test_steps_of_a_training_are_those_planned(built_in):
    """And its validations, of the validation set of its system."""
    path = "molecules.pbe0-d3.n50"
    settings = built_in.training_of("default", False)
    epochs, steps = settings.planned_epochs(50), settings.steps_per_epoch(50)
    done = work.of(built_in, train(path))
    subject = Subject("tiny", "float32", "molecules")
    assert done.steps == {Step(subject, settings.batch_size): epochs * steps}
    every = -(-settings.validation_steps // steps)
    validated, batches = done.evaluated[subject]
    assert validated == epochs // every * built_in.systems["molecules"].split.validation and batches >= epochs // every


def test_a_run_for_snapshots_alone_ends_with_the_last(built_in):
    path = "molecules.dftb-ptbp.n5000"
    (last,) = max(((e,) for e in built_in.snapshots_of("tiny", recipe.parse(path))), default=(0,))
    assert last and not built_in.wants_best("tiny", recipe.parse(path))
    settings = built_in.training_of("default", False)
    assert sum(work.of(built_in, train(path)).steps.values()) == last * settings.steps_per_epoch(5000)


def test_replay_is_a_second_batch_in_each_step(built_in):
    path = "simple_crystals.pbe.n30.e16/tungsten.pbe.n40.multihead-metal"
    steps = work.of(built_in, train(path)).steps
    assert {step.subject.system for step in steps} == {"tungsten", "simple_crystals"} and len(set(steps.values())) == 1


def test_each_part_of_a_joint_stage_is_a_batch_in_each_step(built_in):
    steps = work.of(built_in, train("molecules.dftb-ptbp.n300+foundation.wb97m-d3.n40+molecules.pbe0-d3.n100")).steps
    (one,) = work.of(built_in, train("molecules.pbe0-d3.n100")).steps.items()
    assert {step.subject.system: count for step, count in steps.items()} == {
        "molecules": 2 * one[1],
        "foundation": one[1],
    }


def test_floating_point_types(paper, built_in):
    def of(config, path):
        return work.dtype_of(config, recipe.parse(path))

    assert of(built_in, "molecules.pbe0-d3.n50") == "float32"
    assert of(paper, "mace-off23-small") == of(paper, "mace-off23-small/qm7x.pbe0-mbd.n500") == "float64"
    assert of(paper, "qm7x.pbe0-mbd.n500") == "float64"
    assert of(paper, "silicon.stillinger-weber.n340.forces") == "float32"


def test_chunks_add_up_to_the_labels_wanted(paper):
    tungsten, first = paper.systems["tungsten"], Job("label_chunk", {}, (), ())
    size = tungsten.levels["dftb-ptbp"].chunk_size
    count = -(-tungsten.pool.size() // size)
    done = [
        work.of(paper, Job(first.rule, {"system": "tungsten", "level": "dftb-ptbp", "chunk": str(i),
                                        "chunks": str(count)}, (), ()))
        for i in range(count)
    ]  # fmt: skip
    assert sum(one.labels["tungsten", "dftb-ptbp"] for one in done) == tungsten.pool.size() == 9693


def test_simulations_and_predictions(paper):
    protocol = paper.dynamics["germanium-1200k"]
    wildcards = {"protocol": "germanium-1200k", "architecture": "diamond", "recipe": "x.y.n1", "seed": "1"}
    wildcards["recipe"] = "germanium.stillinger-weber.n1.forces"
    (evaluated,) = work.of(paper, Job("dynamics", wildcards, (), ())).evaluated.values()
    assert evaluated == (200_000 * protocol.replicas, 200_000)
    (evaluated,) = work.of(paper, Job("predict", {"curve": "mftl"}, (), ())).evaluated.values()
    assert evaluated[0] == 50_000 * len(paper.curves["mftl"].values) * 3


def test_last_layers_look_at_all_that_made_and_tests_a_model():
    own = {"kind": "error-against-uncertainty", "curves": ["mftl"], "values": [25, 100]}
    config = config_of("config.yaml", figures={"sure": own})
    split = config.systems["molecules"].split
    wildcards = {"table": "last-layer", "figure": "sure"}
    ((evaluated, _),) = work.of(config, Job("measure", wildcards, (), ())).evaluated.values()
    assert evaluated == sum(15 * (size + split.validation + split.test) + split.validation for size in (25, 100))
    wildcards = {"table": "structure-search", "figure": "fig4"}
    assert work.of(config, Job("measure", wildcards, (), ())) == work.Work()


def test_relaxations_of_random_structures(built_in):
    """All steps of all rounds, by each sort of models; of other tables of such a figure nothing."""
    search = {"kind": "structure-search", "curves": ["single-fidelity", "tungsten-single"], "periodic": False}
    search |= {"compositions": ["H2", "W2"], "structures": 60, "rounds": 3, "steps": 100}
    config = built_in.model_copy(update={"figures": {"search": StructureSearch(**search)}})
    done = work.of(config, Job("measure", {"table": "structure-search", "figure": "search"}, (), ())).evaluated
    sizes = {name: len(config.curves[name].values) for name in search["curves"]}
    assert {one.system: counted for one, counted in done.items()} == {
        system: (3 * sizes[curve] * 120 * 303, 3 * sizes[curve] * 2 * 303)
        for system, curve in (("molecules", "single-fidelity"), ("tungsten", "tungsten-single"))
    }
    assert work.of(config, Job("measure", {"table": "dimers", "figure": "search"}, (), ())) == work.Work()


def test_a_job_that_only_writes_does_nothing_else(built_in):
    assert work.of(built_in, Job("plot", {"figure": "fig4"}, (), ())) == work.Work()


# --- what it takes ----------------------------------------------------------------------------------------------------


def test_a_rate_is_measured_on_structures_of_the_system(built_in):
    rates = Rates(built_in)
    subject = Subject("tiny", "float32", "molecules")
    rate = rates.of(subject, 10)
    assert rate.step > 10 * rate.structure > 0  # a step computes gradients of all weights besides
    assert rate.weights > 4 * 10_000 and 3 < rate.atoms < 12
    assert rates.of(subject, 10) is rate
    assert any("`tiny`, float32, molecules" in what and "measured here" in how for what, how in rates.said().items())


def test_larger_cells_cost_more(built_in):
    rates = Rates(built_in)
    large = rates.of(Subject("tiny-diamond", "float32", protocol="germanium-hot"))
    assert large.atoms == 64 and large.structure > rates.of(Subject("tiny", "float32", "molecules")).structure


def test_without_the_gpu_a_card_of_the_table_stands_for_it(paper, monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    rates = Rates(paper)
    assert rates.card == "a100" and rates.on_gpu and "assumed" in rates.source
    other = Rates(paper.model_copy(update={"cost": paper.cost.model_copy(update={"card": "h100"})}))
    monkeypatch.setattr(Rates, "_seconds", lambda self, do: 1.0)
    subject = Subject("diamond", "float32", "silicon")
    slow, fast = rates.of(subject, 5), other.of(subject, 5)
    assert slow.step == CARDS["a100"].launch + 1 / CARDS["a100"].cores["float32"] > fast.step
    assert slow.batch == CARDS["a100"].launch / 2


def test_an_unknown_card_and_a_target_that_no_rule_makes():
    with pytest.raises(InputError, match=r"cost.card: got 'abacus'; valid: .*a100"):
        config_of("config.yaml", cost={"card": "abacus"})
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    with pytest.raises(InputError, match=r"(?s)no plan for results/nonsense.pdf:.*MissingRuleException"):
        planned(values, ["results/nonsense.pdf"], ROOT / "Snakefile")


def test_a_cpu_campaign_needs_no_card(built_in):
    assert Rates(built_in).card is None and not Rates(built_in).on_gpu


def test_seconds_of_a_label(built_in, paper, standin, tmp_path, monkeypatch):
    """As given; else the mean of those that are there; else of some made for it; else as stated for the engine."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").symlink_to(ROOT / "resources")

    def seconds(config, **given):
        config = config.model_copy(update={"cost": config.cost.model_copy(update={"label_seconds": given})})
        return Rates(config).of_label(*asked)

    asked = "molecules", "gfn1-xtb"
    made, how = seconds(built_in)
    assert 0 < made < 1 and how == "median of 3 labels made for this"
    states = tmp_path / "results/labels/molecules/gfn1-xtb"
    states.mkdir(parents=True)
    (states / "chunk-0-of-2.csv").write_text("id,state,seconds\na,done,3.0\nb,done,5.0\n")
    assert seconds(built_in) == (4.0, "mean of 2 labels that are there")
    assert seconds(built_in, **{"molecules.gfn1-xtb": 7.0}) == (7.0, "given by cost.label_seconds")
    asked = "tungsten", "dftb-ptbp"
    monkeypatch.setattr("mftl.cost.rates.label_chunk", refuse)
    assert seconds(paper) == (STATED["dftb+"][1], "stated for dftb+, not measured")
    # an engine of one's own, of which nothing is stated
    system = paper.systems["tungsten"].model_copy(update={"levels": {"own": standin}})
    asked = "tungsten", "own"
    with pytest.raises(InputError, match=r"is not known \(not here\); say it: cost.label_seconds: {tungsten.own: …}"):
        seconds(paper.model_copy(update={"systems": {"tungsten": system}}))


def refuse(*arguments):
    raise InputError("not here")


def test_there_is_a_stated_rate_for_each_engine_and_an_example_for_each_data_set():
    assert STATED.keys() == engines.sections().keys()
    assert examples.TYPICAL.keys() == catalogue.DATASETS.keys()
    for name, make in examples.TYPICAL.items():
        assert make().pbc.any() == catalogue.DATASETS[name].periodic


def test_each_generator_gives_examples_quickly(built_in, paper):
    for config in (built_in, paper):
        for name in config.systems:
            found = examples.of_system(config, name, 7)
            assert len(found) == 7 and set().union(*(one.symbols for one in found)) <= set(
                config.systems[name].elements
            )


# --- how it adds up ---------------------------------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch):
    """Rates that are not measured: a step takes an hour, a structure a minute, a label 36 s."""
    rate = Rate(step=3600.0, batch=0.0, structure=60.0, weights=1_000_000, atoms=10.0)
    monkeypatch.setattr(Rates, "of", lambda self, subject, batch=0: rate)
    monkeypatch.setattr(Rates, "of_label", lambda self, system, level: (36.0, "said"))


def test_hours_and_disk_by_rule_and_by_target(built_in, paper, known):
    planned = [
        Job("train", {"architecture": "tiny", "recipe": "molecules.pbe0-d3.n50", "seed": "1"}, (), ("a",)),
        Job("plot", {"figure": "fig4"}, ("a",), ("results/fig4.pdf",)),
        Job("split", {"system": "tungsten"}, (), ("b",)),
    ]
    found = tables.priced(built_in, planned, Rates(built_in))
    rules = tables.by_rule(found).set_index("rule")
    done = work.of(built_in, planned[0])
    (steps,), ((structures, _),) = done.steps.values(), done.evaluated.values()
    seconds = 3600 * steps + 60 * structures + tables.START["train"] + tables.SNAKEMAKE
    assert rules.loc["train", "cpu_hours"] == pytest.approx(seconds / 3600)
    assert rules.loc["train", "disk_gb"] == pytest.approx(0.007) and rules.loc["train", "gpu_hours"] == 0
    assert rules.loc["all", "jobs"] == 3 and rules.loc["all", "million_steps"] == pytest.approx(steps / 1e6)
    targets = tables.by_target(found, planned, ["results/fig4.pdf"])
    assert targets["jobs"].tolist() == [2] and targets["cpu_hours"][0] < rules.loc["all", "cpu_hours"]
    text = tables.markdown(tables.by_rule(found), targets, {"a step": "an hour"}, 2)
    assert "| train | 1 |" in text and "| results/fig4.pdf | 2 |" in text and "- a step: an hour" in text


def test_gpu_hours_are_those_of_jobs_that_run_there(paper, known):
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    label = {"system": "tungsten", "level": "dftb-ptbp", "chunk": "0", "chunks": "39"}
    planned = [train("qm7x.pbe0-mbd.n500", "mace-off23-small"), Job("label_chunk", label, (), ("c",))]
    rows = tables.priced(paper, planned, Rates(paper)).set_index("rule")
    assert rows.loc["train", "gpu_hours"] > rows.loc["train", "cpu_hours"] > 0 == rows.loc["label_chunk", "gpu_hours"]
    assert rows.loc["label_chunk", "cpu_hours"] == pytest.approx((250 * 36 + 2.25) / 3600)


def test_advice_is_counted_where_it_is_asked_for(built_in, known):
    asked = {"system": "molecules", "level": "pbe0-d3", "cheap": ["dftb-ptbp"]}
    advised = config_of("config.yaml", advice=asked)
    counted, before = (targets(config, None) for config in (advised, built_in))
    made = [f"results/advice/molecules.{ending}" for ending in ("pdf", "png", "csv", "md", "yaml")]
    order = "results/selections/advice-next/seed-1/orca.csv"
    assert counted["counted"] == [*before["counted"], *made, order]
    assert counted["alone"] == [*before["alone"], made[0], order]
    only = advised.model_copy(update={"cost": advised.cost.model_copy(update={"targets": ["advice"]})})
    assert targets(only, None) == {"counted": ["advice"], "alone": ["advice"]}
    planned = [
        Job("advise", {"system": "molecules"}, ("a",), tuple(made[2:])),
        Job("draw_advice", {"system": "molecules"}, (made[2],), tuple(made[:2])),
        Job("advice", {}, tuple(made), ()),
        Job("split", {"system": "tungsten"}, (), ("b",)),
    ]
    found = tables.by_target(tables.priced(advised, planned, Rates(advised)), planned, ["advice", made[0]])
    assert found["jobs"].tolist() == [3, 2]
    assert found["cpu_hours"][1] * 3600 == pytest.approx(
        tables.START["advise"] + tables.START["draw_advice"] + 2 * tables.SNAKEMAKE
    )


def test_nothing_planned_costs_nothing(built_in):
    found = tables.priced(built_in, [], Rates(built_in))
    assert tables.by_rule(found)["jobs"].tolist() == [0]
    assert tables.by_target(found, [], ["results/fig4.pdf"])["cpu_hours"].tolist() == [0]
