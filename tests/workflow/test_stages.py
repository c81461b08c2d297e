"""Which jobs recipes with snapshots, chosen epochs, differences, second heads and foundation models are planned as."""

import pytest
from calls import copy_project
from test_fig4 import edit, planned, snakemake


@pytest.fixture
def plan(tmp_path):
    """A function that counts the jobs of the figure for a curve and other changes of config/test.yaml."""
    folder = copy_project(tmp_path)

    def jobs(recipe: str, values: list[int], **changes) -> dict[str, int]:
        curve = {"label": "one", "recipe": recipe, "values": values}
        kind = "epochs" if "e*" in recipe else "learning-curves"
        edit(folder, {"curves": {"one": curve}, "figures": {"fig4": {"kind": kind, "curves": ["one"]}}} | changes)
        return planned(folder)

    jobs.folder = folder
    return jobs


def test_figure_over_epochs_costs_one_pretraining_for_each_size_and_seed(plan):
    jobs = plan("molecules.dftb-ptbp.n60.e*/molecules.pbe0-d3.n10", [1, 2, 4, 8], seeds=2)
    assert jobs["snapshot"] == 2 * 4
    assert jobs["train"] == 2 * (1 + 4)  # seeds; one pre-training, a fine-tuning for each number of epochs


def test_chosen_epoch_costs_one_pretraining_and_a_fine_tuning_for_each_snapshot(plan):
    """Snapshots are shared by all sizes; in a chain of three levels the middle model is the chosen one."""
    jobs = plan("molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n*", [10, 20], snapshots=[1, 2, 4])
    assert (jobs["snapshot"], jobs["train"], jobs["choose_epochs"]) == (3, 1 + 2 * 3, 2)
    chain = "molecules.dftb-ptbp.n60.ebest/molecules.pbe0-d3.n40.multihead/molecules.ccsdt.n*"
    jobs = plan(chain, [5, 10], snapshots=[1, 2, 4])
    assert (jobs["snapshot"], jobs["train"], jobs["choose_epochs"]) == (3, 1 + 3 + 2, 1)


def test_difference_needs_the_labels_of_both_levels(plan):
    jobs = plan("molecules.pbe0-d3~dftb-ptbp.n*", [10])
    assert jobs["collect_labels"] == 2 and jobs["train"] == 1


def test_second_head_needs_the_labels_that_the_parent_learned(plan):
    jobs = plan("foundation.wb97m-d3.n40.e2/molecules.pbe0-d3.n*.multihead", [10])
    assert jobs["collect_labels"] == 2 and jobs["split"] == 2 and jobs["train"] == 2
    models = {"start": "config.yaml"}  # any file: nothing is run
    replay = {"multihead": {"replay": {"system": "foundation", "level": "dftb-ptbp"}}}
    jobs = plan("start/molecules.pbe0-d3.n*.multihead", [10], foundation_models=models, modes=replay)
    # the split of the replayed data is drawn from what is labelled at the level it names
    assert jobs["collect_labels"] == 3 and jobs["train"] == 1


def test_a_joint_stage_needs_the_labels_of_all_its_levels(plan):
    jobs = plan("molecules.dftb-ptbp.n40+foundation.wb97m-d3.n30+molecules.pbe0-d3.n*.e2/molecules.ccsdt.n5", [10, 20])
    assert (jobs["collect_labels"], jobs["split"], jobs["train"], jobs["snapshot"]) == (4, 2, 4, 2)


def test_structures_that_the_parent_labels_need_no_labels(plan):
    models, modes = {"start": "config.yaml"}, {"self": {"replay": {"labels": "parent", "system": "foundation"}}}
    jobs = plan("start/molecules.pbe0-d3.n*.self", [10], foundation_models=models, modes=modes)
    # the split of the structures is drawn from what is labelled at the level it names
    assert jobs["collect_labels"] == 2 and jobs["build_pool"] == 2 and jobs["train"] == 1


def test_foundation_model_as_it_is_is_trained_by_nobody(plan):
    models = {"start": "config.yaml"}
    plan("molecules.pbe0-d3.n*", [10])
    edit(plan.folder, {"foundation_models": models, "figures": {"fig4": {"curves": ["one", "raw"]}}})
    edit(plan.folder, {"curves": {"raw": {"label": "raw", "recipe": "start", "test": "molecules.pbe0-d3"}}})
    jobs = planned(plan.folder)
    assert jobs["train"] == 1 and jobs["predict"] == 2


def test_best_epoch_of_the_last_stage_is_a_mistake(plan):
    with pytest.raises(AssertionError, match=r"chosen by the stage that follows; the last stage cannot have it"):
        plan("molecules.pbe0-d3.n*.ebest", [10])
    done = snakemake(plan.folder, "-n", "results/fig4.pdf")
    assert "Traceback" not in done.stderr
