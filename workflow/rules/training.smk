# One rule makes every model of the project: the parent of a model is its path less the last stage.


rule train:
    input:
        unpack(of(training.inputs)),
    output:
        model="results/models/{architecture}/{recipe}/seed-{seed}/model.pt",
        weights="results/models/{architecture}/{recipe}/seed-{seed}/weights.pt",
        card="results/models/{architecture}/{recipe}/seed-{seed}/model.json",
        log="results/models/{architecture}/{recipe}/seed-{seed}/log.csv",
    log:
        "results/logs/train/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        recipe=training.TRAINED,
    conda:
        "../../envs/mftl.yaml"
    params:
        data=of(training.data),
        settings=of(training.settings),
        new_model=of(training.new_model),
        head=of(training.parent_head),
        ways=of(training.ways),
        snapshots=of(training.snapshots),
        until_best=of(training.until_best),
        device=CONFIG.device,
        source=of(training.source),
    script:
        "../scripts/train.py"


rule snapshot:
    input:
        of(training.trained_model),
    output:
        "results/models/{architecture}/{recipe}/seed-{seed}/model.pt",
    log:
        "results/logs/snapshot/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        recipe=training.SNAPSHOT,
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        file=of(training.snapshot_file),
        source=source_hash("copy_file"),
    script:
        "../scripts/copy_file.py"


rule choose_epochs:
    input:
        unpack(of(training.candidates)),
    output:
        model="results/models/{architecture}/{recipe}/seed-{seed}/model.pt",
        card="results/models/{architecture}/{recipe}/seed-{seed}/model.json",
    log:
        "results/logs/choose_epochs/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        recipe=training.CHOSEN,
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        epochs=CONFIG.snapshots,
        source=source_hash("choose_epochs"),
    script:
        "../scripts/choose_epochs.py"
