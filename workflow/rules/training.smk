# One rule makes every model of the project: the parent of a model is its path less the last stage.
STAGE = rf"{recipe.NAME}\.{recipe.LEVEL}\.n\d+"
MODE = r"(?:\.[a-z][a-z-]+)?"


def stage_of(wildcards):
    return recipe.parse(wildcards.recipe).last


def training_inputs(wildcards):
    """Labels at the stage's levels, the split, and the parent model."""
    parsed = recipe.parse(wildcards.recipe)
    stage, parent = parsed.last, parsed.parent
    inputs = {
        "labels": [f"results/labels/{stage.system}/{level}.extxyz" for level in stage.levels],
        "split": f"results/splits/{stage.system}.json",
    }
    if parent and parent.stages:
        inputs["parent"] = recipe.model_path(wildcards.architecture, parent, wildcards.seed)
    elif parent:
        inputs["parent"] = CONFIG.foundation_models[parent.foundation]
    return inputs


def training_settings(wildcards):
    parsed = recipe.parse(wildcards.recipe)
    return CONFIG.training_of(parsed.last.mode, parsed.parent is not None).model_dump()


def new_model(wildcards):
    """What only a model without a parent needs: its architecture and elements."""
    parsed = recipe.parse(wildcards.recipe)
    if parsed.parent:
        return None
    return {
        "architecture": CONFIG.architectures[wildcards.architecture].model_dump(),
        "elements": CONFIG.systems[parsed.last.system].elements,
    }


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
