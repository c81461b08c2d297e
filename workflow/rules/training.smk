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
    benchmark:
        "results/benchmarks/train/{architecture}/{recipe}/seed-{seed}.tsv"
    wildcard_constraints:
        recipe=rf"(?:[^/]+/)*{STAGE}{MODE}",
    conda:
        "../../envs/mftl.yaml"
    params:
        size=lambda w: stage_of(w).size,
        settings=training_settings,
        new_model=new_model,
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
        recipe=rf"(?:[^/]+/)*{STAGE}\.e\d+{MODE}",
    conda:
        "../../envs/mftl.yaml"
    params:
        epoch=lambda w: stage_of(w).epochs,
    shell:
        'cp "$(dirname {input})/snapshots/e{params.epoch}.pt" {output} 2> {log}'
