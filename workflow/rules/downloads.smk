# Files of others. What is fetched stays in the folder of downloads; a rule's output is only its receipt.


rule download:
    output:
        "results/downloads/{download}.json",
    log:
        "results/logs/download/{download}.log",
    wildcard_constraints:
        download=plan.one_of(catalogue.FILES),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(pools.download_settings),
        source=source_hash("download"),
    script:
        "../scripts/download.py"


rule foundation_model:
    input:
        "results/downloads/{download}.json",
    output:
        "results/foundation_models/{download}.model",
    log:
        "results/logs/foundation_model/{download}.log",
    wildcard_constraints:
        download=plan.one_of(catalogue.MODELS),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        file=of(pools.downloaded_file),
        source=source_hash("copy_file"),
    script:
        "../scripts/copy_file.py"


# The published tables of PTBP, for levels with `slater_koster: results/slater-koster/ptbp`, and when asked for.
rule download_slater_koster:
    output:
        directory("results/slater-koster/ptbp"),
    log:
        "results/logs/download_slater_koster.log",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        by_hand="results/slater-koster/by-hand",
        source=source_hash("download_slater_koster"),
    script:
        "../scripts/download_slater_koster.py"
