"""The chain of fig4 at test scale, in a folder of its own: what it makes, and what runs again after a change."""

import lzma
import shutil
import subprocess
from pathlib import Path

import calls
import pandas as pd
import pytest
import yaml
from ase.io import read
from calls import ROOT, copy_project, run

from mftl.config.studies import complete, overlaid

TEST = ("--configfile", "config/test.yaml")
LAST_LAYER = "results/export/mftl/last-layer.npz"


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return run(folder, *arguments, *TEST)


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Jobs that a call would run for the figure, by rule."""
    return calls.planned(folder, "results/fig4.pdf", *arguments, *TEST)


def edit(folder: Path, change: dict, name: str = "config/test.yaml") -> None:
    """Merge values into a configuration file."""
    path = folder / name
    values = yaml.safe_load(path.read_text())

    def merge(into, new):
        for key, value in new.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value

    merge(values, change)
    path.write_text(yaml.safe_dump(values, allow_unicode=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which fig4 has been made."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    done = snakemake(folder, "results/fig4.pdf", "results/best/fig4/model.pt", "export", LAST_LAYER)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def project(finished):
    """The finished folder, with its configuration and sources restored afterwards."""
    yield finished
    for name in ("config/test.yaml", "config.yaml", "workflow/scripts/mftl/plotting/learning_curves.py"):
        shutil.copy2(ROOT / name, finished / name)


def test_figure_and_tables(finished):
    assert (finished / "results/fig4.pdf").read_bytes().startswith(b"%PDF")
    assert (finished / "results/fig4.png").read_bytes().startswith(b"\x89PNG")
    errors = pd.read_csv(finished / "results/errors/fig4.csv")
    assert set(errors["curve"]) == {"single-fidelity", "foundation", "mftl"}
    assert len(errors) == 3 * 2 * 1 * 2  # curves, sizes, seeds, quantities
    assert (errors["rmse"] > 0).all() and (errors["structures"] == 40).all()
    drawn = pd.read_csv(finished / "results/fig4.csv")
    merged = drawn.merge(errors, on=["curve", "value", "quantity"])
    assert (drawn["low"] < drawn["estimate"]).all() and (drawn["estimate"] < drawn["high"]).all()
    assert (abs(merged["estimate"] - merged["rmse"]) < 1e-9).all()  # one seed: the mean is that seed's


def test_best_model_and_its_report(finished):
    import json

    card = json.loads((finished / "results/best/fig4/model.json").read_text())
    own = finished / f"results/models/tiny/{card['recipe']}/seed-{card['seed']}/model.pt"
    assert (finished / "results/best/fig4/model.pt").read_bytes() == own.read_bytes()
    report = (finished / "results/best/fig4/report.md").read_text()
    assert card["recipe"] in report
    assert "MFTL from DFTB(PTBP)" in report


def test_exported_model_and_its_card(finished):
    import json

    folder = finished / "results/export/mftl"
    card = json.loads((folder / "card.json").read_text())
    errors = pd.read_csv(finished / "results/errors/fig4.csv")
    own = errors[(errors["recipe"] == card["recipe"]) & (errors["seed"] == card["seed"])]
    assert [row["rmse"] for row in card["test_errors"]] == list(own["rmse"])
    assert {row["level"] for row in card["data"]} == {"dftb-ptbp", "pbe0-d3"}
    assert {row["licence"] for row in card["data"]} == {"MIT"}
    assert "@" in (folder / "cite.bib").read_text() and "cui2024" in card["cite"]
    for name in card["files"].values():
        assert (folder / name).stat().st_size > 10_000
    readme = (folder / "README.md").read_text()
    assert card["recipe"] in readme and "pair_coeff * * model.pt-lammps.pt H C N O S Cl" in readme


def test_the_exported_model_says_how_far_it_may_be_off(finished):
    from mftl.last_layer_calculator import LastLayerCalculator

    atoms = read(finished / "results/labels/molecules/pbe0-d3.extxyz", "0")
    atoms.calc = LastLayerCalculator(finished / "results/export/mftl")
    assert atoms.get_potential_energy() < 0 < atoms.calc.results["energy_uncertainty"]
    off = atoms.calc.get_property("forces_uncertainty", atoms)
    assert off.shape == (len(atoms),) and (off > 0).all()


def test_what_more_would_cost(project):
    """Of what is there nothing is counted; of another size, its training and what follows. Nothing is made for it."""
    import json

    from mftl import checks
    from mftl.cost import work
    from mftl.cost.jobs import Job

    asked = ("cost", "--config", "cost={targets: [results/fig4.pdf]}", *TEST)
    assert "| all | 0 | 0 |" in calls.succeed(project, *asked)
    edit(project, {"curves": {"mftl": {"values": [10, 20, 30]}}})
    said = calls.succeed(project, *asked)
    rules = pd.read_csv(project / "results/cost.csv").set_index("rule")
    assert rules["jobs"].to_dict() == planned(project) | {"all": sum(planned(project).values())}
    assert (
        rules.loc["train", "jobs"] == 1 and rules.loc["all", "cpu_hours"] > 1 / 3600 and "| results/fig4.pdf |" in said
    )
    assert "a training step, `tiny`, float32, molecules" in said
    # what is counted of a training is what those that are there did
    values = overlaid(*(yaml.safe_load((project / name).read_text()) for name in ("config.yaml", "config/test.yaml")))
    config = checks.load(complete(values, ROOT), ROOT)
    logs = sorted((project / "results/models").rglob("log.csv"))
    for log in logs:
        card = json.loads(log.with_name("model.json").read_text())
        wildcards = {"architecture": "tiny", "recipe": card["recipe"], "seed": "1"}
        (steps,) = work.of(config, Job("train", wildcards, (), ())).steps.values()
        assert pd.read_csv(log)["step"].iloc[-1] == steps
    assert len(logs) > 3


def test_a_budget_beside_twice_the_budget(project):
    """Of one curve that a figure draws; another one has no budget."""
    import json

    values = overlaid(*(yaml.safe_load((project / name).read_text()) for name in ("config.yaml", "config/test.yaml")))
    values = complete(values, ROOT)
    figures = {"fig4": values["figures"]["fig4"] | {"curves": ["mftl"]}, "figS1": values["figures"]["figS1"]}
    (project / "few.yaml").write_text(yaml.safe_dump(values | {"figures": figures, "studies": []}))
    few = ("--configfile", "few.yaml")
    calls.succeed(project, "convergence", *few)
    found = pd.read_csv(project / "results/convergence.csv")
    errors = pd.read_csv(project / "results/errors/fig4.csv").set_index(["recipe", "quantity"])
    assert len(found) == 2 * 2  # sizes, quantities
    for row in found.itertuples():
        assert row.mae == pytest.approx(errors.loc[(row.recipe, row.quantity), "mae"])
        folder = project / "results/models/tiny"
        once, twice = (folder / recipe / "seed-1" for recipe in (row.recipe, f"{row.recipe}.twice"))
        cards = [json.loads((one / "model.json").read_text()) for one in (once, twice)]
        assert [(card["training"]["epochs"], card["training"]["patience"]) for card in cards] == [(2, 8), (4, 16)]
        assert cards[0]["training_ids"] == cards[1]["training_ids"] and cards[0]["parent"] == cards[1]["parent"]
        logs = [pd.read_csv(one / "log.csv")["training_loss"] for one in (once, twice)]
        # it goes on where the other ended, after the same steps
        assert list(logs[0]) == list(logs[1][:2]) and len(logs[1]) == 4
        assert (row.steps, row.steps_twice) == (2 * row.value // 10, 4 * row.value // 10)
        assert row.validation_score_twice == pytest.approx(cards[1]["validation"]["validation_score"])
        in_bar = "within the bar" if row.rmse_low <= row.rmse_twice <= row.rmse_high else "no"
        assert row.converged == ("yes" if abs(row.validation_score_change_percent) < 5 else in_bar)
        log = project / f"results/logs/train/tiny/{row.recipe}.twice/seed-1.log"
        # the other's state was found; so few steps end with a validation that the longer training does not have
        assert "was planned for another number of epochs" in log.read_text()
    text = (project / "results/convergence.md").read_text()
    assert "| `mftl` | 20 | forces |" in text and "- `low-level-large`: " in text
    assert calls.planned(project, "convergence", *few) == {}
    done = run(project, "results/convergence/low-level-small.csv", *few)
    assert done.returncode != 0
    assert (
        "curves.low-level-small.recipe: got 'molecules.dftb-ptbp.n20.e*'; valid: a curve with a budget" in done.stderr
    )


def test_training_sets_are_nested_and_apart_from_the_test_set(finished):
    import json

    sets = json.loads((finished / "results/splits/molecules.json").read_text())
    models = finished / "results/models/tiny"
    ids = {
        n: json.loads((models / f"molecules.pbe0-d3.n{n}/seed-1/model.json").read_text())["training_ids"]
        for n in (10, 20)
    }
    low = json.loads((models / "molecules.dftb-ptbp.n60/seed-1/model.json").read_text())["training_ids"]
    assert ids[20][:10] == ids[10]
    assert not {*ids[20], *low} & {*sets["test"], *sets["validation"]}


def test_second_call_does_nothing(finished):
    assert planned(finished) == {}


def test_more_seeds_train_only_the_new_ones(project):
    edit(project, {"seeds": 2})
    jobs = planned(project)
    # two pre-trainings and their snapshots, three curves of two sizes
    assert jobs["train"] == 2 + 3 * 2
    assert jobs["snapshot"] == 2
    assert "collect_labels" not in jobs and "split" not in jobs


def test_plot_style_reruns_only_the_plot(project):
    edit(project, {"plot": {"width": 5.0}})
    assert planned(project) == {"plot": 1}


def test_a_changed_module_reruns_its_scripts_alone(project):
    path = project / "workflow/scripts/mftl/plotting/learning_curves.py"
    text = path.read_text()
    path.write_text(text + "\n# a comment\n")
    assert planned(project) == {}
    path.write_text(text + "\nADDED = 1\n")
    assert planned(project) == {"plot": 1}


def test_test_set_used_reruns_no_training(project):
    edit(project, {"prediction": {"test_structures": 30}})
    jobs = planned(project)
    assert jobs == {"predict": 3, "evaluate": 2, "plot": 1}


def test_a_new_size_trains_only_that_size(project):
    edit(project, {"curves": {"single-fidelity": {"values": [10, 15, 20]}}})
    assert planned(project) == {"train": 1, "predict": 1, "evaluate": 2, "plot": 1}


def test_finetuning_settings_leave_pretraining_alone(project):
    edit(project, {"finetuning": {"learning_rate": 0.002}})
    assert planned(project)["train"] == 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sedes": 3}, "sedes: got 3"),
        ({"curves": {"mftl": {"values": [10, 5000]}}}, "curves.mftl.values: got 5000; valid: at most 1200"),
    ],
)
def test_wrong_configuration_stops_before_the_first_job(project, change, expected):
    edit(project, change)
    done = snakemake(project, "results/fig4.pdf")
    assert done.returncode != 0
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert "Execute" not in done.stderr


def test_missing_engine_stops_before_the_first_job(project):
    level = {"engine": "dftb+", "interface": "program", "command": "no-such-dftb+"}
    edit(project, {"systems": {"molecules": {"levels": {"my-dftb": level}}}}, "config.yaml")
    done = snakemake(project, "results/labels/molecules/my-dftb.extxyz")
    assert done.returncode != 0
    assert "systems.molecules.levels.my-dftb.engine: dftb+ is not installed" in done.stderr
    assert "conda-forge" in done.stderr
    assert "Execute" not in done.stderr
    # a plan that does not need the engine is not stopped by it
    assert planned(project) == {}


@pytest.fixture
def broken_labels(project):
    """A function that puts a changed label file in place of the real one; the results are those of the real one."""
    with lzma.open(ROOT / "resources/molecules/molecules.pbe0-d3.extxyz.xz", "rt") as file:
        source = file.read()

    def put(change):
        (project / "broken.extxyz").write_text(change(source))
        edit(project, {"systems": {"molecules": {"levels": {"pbe0-d3": {"file": "broken.extxyz"}}}}}, "config.yaml")

    yield put
    for stem in ("results/labels/molecules/pbe0-d3.extxyz", "results/labels/molecules/pbe0-d3.csv"):
        assert (project / "kept" / Path(stem).name).exists()
        shutil.move(project / "kept" / Path(stem).name, project / stem)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: s[: len(s) // 2], "truncated"),
        (lambda s: s.replace("REF_energy=-2078.2018562313724", "REF_energy=nan", 1), "water-0000"),
        (lambda s: s.replace(":REF_forces:R:3 id=water-0000", ":REF_x:R:3 id=water-0000", 1), "water-0000"),
        (lambda s: s.replace("id=water-0000", "id=ammonia-0000", 1), "ammonia-0000"),
    ],
    ids=["truncated", "nan energy", "no forces", "duplicate id"],
)
def test_broken_labels_are_named(project, broken_labels, change, expected):
    (project / "kept").mkdir(exist_ok=True)
    for name in ("pbe0-d3.extxyz", "pbe0-d3.csv"):
        shutil.copy2(project / "results/labels/molecules" / name, project / "kept" / name)
    broken_labels(change)
    done = snakemake(project, "results/fig4.pdf")
    assert done.returncode != 0
    assert "broken.extxyz" in done.stderr and expected in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    labels = project / "results/labels/molecules/pbe0-d3.extxyz"
    # a file cut short is noticed before any job; then the old labels are still there
    assert not labels.exists() or labels.read_bytes() == (project / "kept" / labels.name).read_bytes()


def test_chosen_epoch_and_second_head(project):
    """A chain through the rules: each snapshot is fine-tuned with replay, the best by validation is kept."""
    import json

    curve = {"label": "a", "recipe": "molecules.dftb-ptbp.n40.ebest/molecules.pbe0-d3.n*.multihead", "values": [10]}
    figure = {"kind": "learning-curves", "curves": ["chosen"]}
    edit(project, {"snapshots": [1, 2], "curves": {"chosen": curve}, "figures": {"modes": figure}})
    done = snakemake(project, "results/best/modes/model.pt", "results/errors/modes.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    models = project / "results/models/tiny"
    path = models / "molecules.dftb-ptbp.n40.ebest/molecules.pbe0-d3.n10.multihead/seed-1"
    card = json.loads((path / "model.json").read_text())
    tried = {e: models / f"molecules.dftb-ptbp.n40.e{e}/molecules.pbe0-d3.n10.multihead/seed-1" for e in (1, 2)}
    cards = {e: json.loads((folder / "model.json").read_text()) for e, folder in tried.items()}
    assert card["scores"] == {str(e): one["validation"]["validation_score"] for e, one in cards.items()}
    best = min(cards, key=lambda e: cards[e]["validation"]["validation_score"])
    assert card["chosen_epochs"] == best
    assert (path / "model.pt").read_bytes() == (tried[best] / "model.pt").read_bytes()
    replay = {"structures": 40, "system": "molecules", "level": "dftb-ptbp", "weight": 1.0}
    assert cards[1]["ways"]["replay"] == replay
    assert (
        "errors of head 2 on its 40 structures"
        in (
            project / "results/logs/train/tiny/molecules.dftb-ptbp.n40.e1/molecules.pbe0-d3.n10.multihead/seed-1.log"
        ).read_text()
    )
    errors = pd.read_csv(project / "results/errors/modes.csv")
    assert (errors["epochs"] == best).all()
    assert (pd.read_csv(project / "results/costs/chosen.csv")["low_level_seconds"] == 0).all()
    assert (project / "results/best/modes/model.json").read_bytes() == (path / "model.json").read_bytes()


def test_a_joint_stage_low_rank_and_labels_of_the_parent(project):
    """Three ways through the rules: each makes a model that mace-torch loads, tested on what none was trained on."""
    import json

    import numpy as np
    from ase.io import read
    from mace.calculators import MACECalculator

    recipes = {
        "joint": "molecules.dftb-ptbp.n40+molecules.pbe0-d3.n10",
        "low-rank": "molecules.dftb-ptbp.n60.e2/molecules.pbe0-d3.n10.lora",
        "self": "foundation.wb97m-d3.n40.e2/molecules.pbe0-d3.n10.pseudolabels",
    }
    curves = {
        name: {"label": name, "recipe": text.replace(".n10", ".n*"), "values": [10]} for name, text in recipes.items()
    }
    edit(project, {"curves": curves, "figures": {"ways": {"kind": "learning-curves", "curves": [*curves]}}})
    done = snakemake(project, "results/best/ways/model.pt", "results/ways.pdf", "results/ways.bib")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(pd.read_csv(project / "results/errors/ways.csv")["curve"]) == {*recipes}
    assert "hu2022" in (project / "results/ways.bib").read_text()
    models = project / "results/models/tiny"
    tested = read(project / "results/labels/molecules/pbe0-d3.extxyz", ":")
    ids = json.loads((project / "results/splits/molecules.json").read_text())["test"]
    tested = {atoms.info["id"]: atoms for atoms in tested}
    for name, text in recipes.items():
        data = np.load(project / f"results/predictions/{name}.npz")
        atoms = tested[ids[0]].copy()
        atoms.calc = MACECalculator(str(models / text / "seed-1/model.pt"), device="cpu", default_dtype="float32")
        assert data["energies"].reshape(-1)[0] == pytest.approx(atoms.get_potential_energy(), abs=5e-3)
        np.testing.assert_allclose(data["forces"].reshape(-1, 3)[: len(atoms)], atoms.get_forces(), atol=1e-4)
    card = json.loads((models / recipes["joint"] / "seed-1/model.json").read_text())
    assert card["ways"] == {"joint": [{"system": "molecules", "level": "dftb-ptbp", "size": 40, "order": None}]}
    logs = {
        name: (project / f"results/logs/train/tiny/{text}/seed-1.log").read_text() for name, text in recipes.items()
    }
    assert "errors of head 2 on its 40 structures" in logs["joint"]
    assert "40 structures to replay are labelled by the parent model" in logs["self"]
    assert "errors of head 2 on its 40 structures before the first step: 0.0 meV/atom 0 meV/Å" in logs["self"]
    again = calls.planned(project, "results/best/ways/model.pt", "results/ways.pdf", *TEST)
    assert again == {}


def test_a_level_of_energies_alone(project):
    """A figure of one panel in kcal/mol, and the best model's report and card; the pre-training has forces."""
    (file,) = (ROOT / "resources/molecules").glob("molecules.pbe0-d3.extxyz*")
    level = {"file": str(file.relative_to(ROOT)), "forces_key": None, "first": 1000}
    curve = {"label": "MFTL", "recipe": "molecules.dftb-ptbp.n60.e2/molecules.alone.n*", "values": [10, 20]}
    figure = {"kind": "learning-curves", "curves": ["alone"], "units": "kcal/mol", "bars": "standard-error"}
    edit(project, {"systems": {"molecules": {"levels": {"alone": level}}}}, "config.yaml")
    edit(project, {"curves": {"alone": curve}, "figures": {"alone": figure}})
    done = snakemake(project, "results/alone.pdf", "results/best/alone/model.pt", "results/export/alone/model.pt")
    assert done.returncode == 0, done.stdout + done.stderr
    drawn = pd.read_csv(project / "results/alone.csv")
    assert set(drawn["quantity"]) == {"energy"} and set(drawn["unit"]) == {"kcal/mol"}
    report = (project / "results/best/alone/report.md").read_text()
    assert "meV/atom in validation" in report and "nan" not in report
    card = (project / "results/export/alone/README.md").read_text()
    assert "| energy |" in card and "| forces |" not in card and "nan" not in card
    assert planned(project) == {}  # fig4 is as it was
