"""The configuration at the papers' scale: two campaigns, and what is compared is trained alike."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from mftl import checks
from mftl.checks.systems import available
from mftl.claims import read_claims
from mftl.config.studies import complete, overlaid
from mftl.config.whole import Config
from mftl.inputs import InputError
from mftl.plan import training

ROOT = Path(__file__).parents[2]
PAPER, EXTENDED, WAYS = "config/paper.yaml", "config/paper-extended.yaml", "config/paper/strategies.yaml"


def loaded(*names: str) -> Config:
    """Files given with a call, the later on top of the earlier."""
    values: dict = {}
    for name in names:
        values = overlaid(values, yaml.safe_load((ROOT / name).read_text()))
    return checks.load(complete(values, ROOT), ROOT)


@pytest.fixture(scope="module")
def paper() -> Config:
    return loaded(PAPER)


@pytest.fixture(scope="module")
def extended() -> Config:
    return loaded(PAPER, EXTENDED)


@pytest.fixture(scope="module")
def ways() -> Config:
    return loaded(PAPER, EXTENDED, WAYS)


def test_all_campaigns_can_be_made(paper, extended, ways):
    for config in (paper, extended, ways):
        for name in config.figures:
            checks.require_figure(config, name, ROOT)
    assert set(extended.figures) - set(paper.figures) == {"low_levels", "stability"}
    with pytest.raises(InputError, match=r"systems.qm7x.elements: got None"):
        loaded(EXTENDED)
    study = complete({"studies": ["studies/mftl.yaml", "studies/strategies.yaml"]}, ROOT)["figures"]
    assert set(ways.figures) - set(extended.figures) >= {one for one in study if one.startswith("strategies/")}
    for files in ([WAYS], [PAPER, WAYS]):
        with pytest.raises(InputError, match=r"to be a (system|level)"):
            loaded(*files)


@pytest.mark.parametrize(("first", "second"), [("paper", "extended"), ("extended", "ways")])
def test_a_later_campaign_trains_nothing_of_one_before_again(first, second, request):
    """Not even for longer: whatever a training reads from the configuration is the same."""
    paper, extended = (request.getfixturevalue(name) for name in (first, second))
    for architecture, recipes in paper.models.items():
        for recipe in {one.trained for one in recipes}:
            asked = SimpleNamespace(architecture=architecture, recipe=str(recipe), seed="1")
            for planned in (training.settings, training.snapshots, training.until_best, training.ways, training.inputs):
                assert planned(extended, asked) == planned(paper, asked), recipe
    assert sum(map(len, extended.models.values())) > sum(map(len, paper.models.values()))


def test_every_claim_has_its_figure_and_curves(paper, ways):
    claims = read_claims(ROOT / "resources/claims.yaml")
    own = {claim.figure for claim in claims if claim.id.startswith("strategies-")}
    assert own == {claim.figure for claim in claims if claim.figure.startswith("strategies/")} and not own & {
        *paper.figures
    }
    assert {claim.figure for claim in claims} - own <= set(paper.figures)
    assert f"has {sum(claim.figure in own for claim in claims)} claims" in (ROOT / "docs/strategies.md").read_text()
    for claim in claims:
        drawn = ways.figures[claim.figure].shown(ways)
        named = set(re.findall(r"'curve': '([\w-]+)'", str(claim.model_dump())))
        assert named - {"model", "level"} <= set(drawn) or claim.figure not in own, claim.id
        assert named - {"model", "level"} <= set(ways.curves), claim.id


def test_curves_of_a_figure_are_trained_alike(paper):
    """No gain is one of annealing, of weights, of validation or of the type of numbers."""
    for name, figure in paper.figures.items():
        if name.startswith("accurate/"):
            continue  # below
        curves = getattr(figure, "curves", [])
        seen, types = set(), set()
        for recipe in (one for curve in curves for one in paper.recipes_of(curve)):
            stage = paper.training_of(recipe.last.mode, recipe.parent is not None)
            if recipe.last.epochs is None:
                seen.add((stage.learning_rate_final, stage.validation_steps, stage.energy_weight, stage.forces_weight))
                assert stage.learning_rate_final == 1e-4
            first = paper.training_of(recipe.stages[0].mode, False)
            types.add("float64" if recipe.foundation else first.dtype)
        assert len(seen) <= 1 and len(types) <= 1, name


def test_ways_are_trained_as_their_page_says(ways):
    """Each mode of the study has a line with rate, batch, average, clipping and weight decay; all else is alike."""
    page = (ROOT / "docs/strategies.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.count("|") == 10]
    told = {(mode, row[0].startswith(("from scratch", "joint"))): row for row in rows[1:]
            for mode in re.findall(r"`([\w-]+)`", row[1])}  # fmt: skip
    modes = yaml.safe_load((ROOT / WAYS).read_text())["modes"]
    assert {mode for mode, _ in told} - {"default", "metal"} == modes.keys() - {"energy-only", "pretraining-energies"}
    default = ways.training_of("default", False)
    for (mode, scratch), row in told.items():
        settings = ways.training_of(mode, not scratch)
        batches = [int(one.split("+")[0]) for one in row[4].split(";")]
        assert settings.learning_rate == pytest.approx(float(row[3].split()[0]), rel=1e-3), mode
        assert settings.batch_size == batches[-1 if mode.endswith("metal") else 0], mode
        assert (settings.ema_decay, settings.clip_gradient, settings.weight_decay) == tuple(map(float, row[5:8])), mode
        for key in ("learning_rate_final", "energy_weight", "forces_weight", "validation_steps", "huber_delta"):
            assert getattr(settings, key) == getattr(default, key), (mode, key)
    steps = {mode: ways.training_of(mode, True).planned_epochs(100) * 100 / ways.training_of(mode, True).batch_size
             for mode in modes if mode.endswith("metal")}  # fmt: skip
    assert {epochs * 16 for epochs in map(round, steps.values())} == {100 * 1000}
    joint, before = ways.training_of("joint", False), ways.training_of("pretraining", False)
    assert joint.min_steps == 200 * before.steps_per_epoch(50_000)


def test_what_is_replayed_is_not_what_forgetting_is_tested_on(ways):
    """And what foundation models have to forget is at their own level, in a system that no curve trains on."""
    for figure in ("strategies/fig4", "strategies/fig4_tungsten"):
        system, (level,) = ways.target_of(ways.figures[figure].parent)
        split = ways.systems[system].split
        assert split.level == level and split.validation == 0
        assert system not in {
            stage.system for recipes in ways.models.values() for one in recipes for stage in one.stages
        }
    assert ways.systems["replayed-crystals"].pool.size() - ways.systems["replayed-crystals"].split.test == 10_000
    assert ways.systems["equilibrium-molecules"].levels["wb97m-d3"].functional == "wb97m-d3bj"
    for name in ("replay-metal", "replay-fast-metal", "pseudolabels-metal", "pseudolabels"):
        assert ways.modes[name].replay.structures == 10_000


def test_fine_tuning_on_energies_is_that_of_its_paper(paper):
    """Rates fall linearly to zero and are fractions; energies alone and with forces differ in the forces alone."""
    own = ("accurate-", "malonaldehyde-", "general-", "diverse-")
    for curve in (one for one in paper.curves if one.startswith(own)):
        assert len(paper.seeds_of(curve)) == 5
        for recipe in paper.recipes_of(curve):
            for k, stage in enumerate(recipe.stages):
                settings = paper.training_of(stage.mode, k > 0)
                assert settings.learning_rate_final == 0 and settings.dtype == "float32"
                general = stage.system.startswith("ani-")
                seen = settings.planned_epochs(stage.size) * settings.steps_per_epoch(stage.size) * settings.batch_size
                if general:  # as many structures as in 2000 steps of 2048, within an epoch of the largest set
                    assert 2000 * 2048 <= seen < 1.15 * 2000 * 2048
                    assert settings.energy_weight == 33 * 10
                else:
                    assert settings.planned_epochs(stage.size) == (1000 if stage.system.startswith("cc-") else 100)
    for mode in ("discriminative", "non-discriminative"):
        with_forces, without = (paper.training_of(name, True).model_dump() for name in (mode, f"{mode}-energy"))
        assert {key for key in with_forces if with_forces[key] != without[key]} == {"forces_weight", "rescale"}
    tuned, scratch = paper.training_of("discriminative", True), paper.training_of("md17", False)
    rates = [tuned.learning_rate * tuned.layer_decay**k / scratch.learning_rate for k in range(3)]
    assert rates == pytest.approx([1 / 3, 1 / 15, 1 / 75], rel=1e-3) and tuned.frozen == ["embedding"]
    assert paper.training_of("non-discriminative", True).learning_rate == scratch.learning_rate


def test_no_geometry_tested_on_at_coupled_cluster_was_trained_on_at_dft(paper):
    """ANI-1x holds all of ANI-1ccx; what is fine-tuned and tested on ANI-1ccx comes from its own training set."""
    for curve in paper.curves:
        system, _ = paper.target_of(curve)
        if system == "ani-1ccx":
            assert {stage.system for recipe in paper.recipes_of(curve) for stage in recipe.stages} == {"ani-1ccx"}
    assert available(paper, "ani-1ccx", "ccsdt-cbs", ROOT) == 489571 - 12000


def test_deca_alanine_in_water_has_the_atoms_of_the_paper(paper):
    peptide, box = paper.systems["deca-alanine"].pool, paper.systems["deca-alanine-water"].pool
    assert peptide.atoms() == 104 == paper.figures["accurate/fig8"].first_atoms
    assert peptide.atoms() + 3 * box.waters == 2384 and box.files() == ["results/pools/deca-alanine.extxyz"]
    for name in ("ala10-gas", "ala10-water"):
        assert paper.dynamics[name].committee and paper.dynamics[name].replicas == 1


def test_pretrainings_of_both_sizes_are_annealed_alike(paper):
    """At the same epoch the rate is the same, so that what differs in figs 3 and S1 is the data."""
    epochs = {}
    for curve in ("epochs-small", "epochs-large"):
        stage = paper.recipes_of(curve)[0].stages[0]
        settings = paper.training_of(stage.mode, False)
        steps_per_epoch = -(-stage.size // settings.batch_size)
        epochs[stage.size] = settings.learning_rate_half_life / steps_per_epoch
    assert epochs == {10000: 50, 50000: 50}


def test_the_largest_sizes_survive_failures(paper):
    """So many cells of tungsten may fail at DFTB(PTBP) as experience asks for: 2 in 100."""
    spare = available(paper, "tungsten", "pbe~dftb-ptbp", ROOT) - max(paper.curves["tungsten-delta"].values)
    assert spare > 0.02 * 7693
    assert available(paper, "qm7x", "dftb-ptbp", ROOT) - 50000 > 0.02 * 99500


def test_the_published_tables_are_used(paper, extended):
    for config in (paper, extended):
        levels = [level for system in config.systems.values() for level in system.levels.values()]
        tables = {level.slater_koster for level in levels if hasattr(level, "slater_koster")}
        assert tables == {"results/slater-koster/ptbp"}


def test_a_reference_line_trains_no_whole_curve(paper):
    for name in ("fig3", "figS4"):
        for one in paper.figures[name].references:
            assert paper.curves[one.curve].values == [one.value]


def test_the_page_has_every_value():
    """Each key of paper.yaml, and of the modes and systems of its studies, is on the page that explains them."""
    page = (ROOT / "docs/paper-scale.md").read_text()
    values = complete(yaml.safe_load((ROOT / PAPER).read_text()), ROOT)
    asked = {"scale", "seeds", "device", *values["training"], *values["finetuning"], *values["modes"]}
    asked |= {
        *values["labels"],
        *values.get("prediction", {}),
        *values["systems"],
        *values["architectures"],
        *values["foundation_models"],
    }
    asked |= {key for system in values["systems"].values() for level in system["levels"].values() for key in level}
    asked |= {key for mode in values["modes"].values() for key in mode.get("training", {})}
    asked |= {key for one in values["architectures"].values() for key in one} | set(values["dynamics"])
    obvious = {"default", "engine", "dataset", "only"}
    assert {key for key in asked - obvious if not re.search(rf"[`.]{re.escape(key)}\b", page)} == set()
