# The structures of a system: read from a file, generated, or drawn from a published data set.


rule build_pool:
    input:
        of(pools.pool_files, needs_engines),
    output:
        "results/pools/{system}.extxyz",
    log:
        "results/logs/build_pool/{system}.log",
    wildcard_constraints:
        system=plan.one_of(pools.others(CONFIG)),
    conda:
        of(pools.environment)
    params:
        system=of(pools.system_settings),
        source=of(pools.source),
    script:
        "../scripts/build_pool.py"


rule load_dataset:
    input:
        of(pools.receipts),
    output:
        pool="results/pools/{system}.extxyz",
        labels="results/datasets/{system}.extxyz",
    log:
        "results/logs/load_dataset/{system}.log",
    wildcard_constraints:
        system=plan.one_of(pools.from_datasets(CONFIG)),
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(pools.dataset_settings),
        source=source_hash("load_dataset"),
    script:
        "../scripts/load_dataset.py"


# Test, validation and training sets, fixed once for all levels.
rule split:
    input:
        pool="results/pools/{system}.extxyz",
        states=of(labels.split_states),
    output:
        "results/splits/{system}.json",
    log:
        "results/logs/split/{system}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(labels.split_settings),
        source=source_hash("split"),
    script:
        "../scripts/split.py"
