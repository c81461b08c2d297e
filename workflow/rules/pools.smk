# The structures of a system: read from a file, or generated.


rule build_pool:
    input:
        lambda w: ([CONFIG.systems[w.system].pool.file] if hasattr(CONFIG.systems[w.system].pool, "file") else []),
    output:
        "results/pools/{system}.extxyz",
    log:
        "results/logs/build_pool/{system}.log",
    benchmark:
        "results/benchmarks/build_pool/{system}.tsv"
    conda:
        "../../envs/mftl.yaml"
    params:
        system=lambda w: CONFIG.systems[w.system].model_dump(include={"pool", "elements"}),
        source=source_hash("build_pool"),
    script:
        "../scripts/build_pool.py"
