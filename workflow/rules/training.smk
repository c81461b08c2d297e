# One rule makes every model of the project: the parent of a model is its path less the last stage.


rule train:
    input:
        unpack(training_inputs),
    output:
        model="results/models/{architecture}/{recipe}/seed-{seed}/model.pt",
        weights="results/models/{architecture}/{recipe}/seed-{seed}/weights.pt",
        card="results/models/{architecture}/{recipe}/seed-{seed}/model.json",
        log="results/models/{architecture}/{recipe}/seed-{seed}/log.csv",
    log:
        "results/logs/train/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        recipe=rf"{PARENTS}{STAGE}{MODE}",
    conda:
        "../../envs/mftl.yaml"
    params:
        data=lambda w: {"size": stage_of(w).size, "resample": CONFIG.modes[stage_of(w).mode].resample},
        settings=training_settings,
        new_model=new_model,
        head=lambda w: head_of(recipe.parse(w.recipe).parent),
        new_elements=lambda w: CONFIG.modes[stage_of(w).mode].elements or None,
        replay=lambda w: CONFIG.replay_of(recipe.parse(w.recipe)),
        snapshots=lambda w: CONFIG.snapshots_of(w.architecture, recipe.parse(w.recipe)),
        until_best=lambda w: CONFIG.wants_best(w.architecture, recipe.parse(w.recipe)),
        device=CONFIG.device,
        source=source_hash("train"),
    script:
        "../scripts/train.py"


rule snapshot:
    input:
        lambda w: recipe.model_path(w.architecture, recipe.parse(w.recipe).trained, w.seed),
    output:
        "results/models/{architecture}/{recipe}/seed-{seed}/model.pt",
    log:
        "results/logs/snapshot/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        recipe=rf"{PARENTS}{STAGE}\.e\d+{MODE}",
    conda:
        "../../envs/mftl.yaml"
    params:
        file=snapshot_file,
        source=source_hash("copy_file"),
    script:
        "../scripts/copy_file.py"


rule choose_epochs:
    input:
        models=candidate_models,
        cards=lambda w: [card_of(path) for path in candidate_models(w)],
    output:
        model="results/models/{architecture}/{recipe}/seed-{seed}/model.pt",
        card="results/models/{architecture}/{recipe}/seed-{seed}/model.json",
    log:
        "results/logs/choose_epochs/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        recipe=rf"{PARENTS_TO_TRY}{STAGE}{MODE}",
    conda:
        "../../envs/mftl.yaml"
    params:
        epochs=CONFIG.snapshots,
        source=source_hash("choose_epochs"),
    script:
        "../scripts/choose_epochs.py"
