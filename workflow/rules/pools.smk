# The structures of a system: read from a file, generated, or drawn from a published data set.


rule build_pool:
    input:
        lambda w: ([CONFIG.systems[w.system].pool.file] if hasattr(CONFIG.systems[w.system].pool, "file") else []),
    output:
        "results/pools/{system}.extxyz",
    log:
        "results/logs/build_pool/{system}.log",
    wildcard_constraints:
        system=one_of([name for name in CONFIG.systems if name not in datasets_of_systems()]),
    conda:
        "../../envs/mftl.yaml"
    params:
        system=lambda w: CONFIG.systems[w.system].model_dump(include={"pool", "elements"}),
        source=source_hash("build_pool"),
    script:
        "../scripts/build_pool.py"


rule load_dataset:
    input:
        lambda w: [downloads.receipt(name) for name in dataset_files(w)],
    output:
        pool="results/pools/{system}.extxyz",
        labels="results/datasets/{system}.extxyz",
    log:
        "results/logs/load_dataset/{system}.log",
    wildcard_constraints:
        system=one_of(datasets_of_systems()),
    conda:
        "../../envs/mftl.yaml"
    params:
        files=lambda w: [downloaded(name) for name in dataset_files(w)],
        pool=lambda w: CONFIG.systems[w.system].pool.model_dump(),
        elements=lambda w: CONFIG.systems[w.system].elements,
        source=source_hash("load_dataset"),
    script:
        "../scripts/load_dataset.py"
