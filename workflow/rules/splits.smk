# Test, validation and training sets of a system, fixed once for all levels.


rule split:
    input:
        pool="results/pools/{system}.extxyz",
        states=lambda w: f"results/labels/{w.system}/{split_settings(w).level}.csv",
    output:
        "results/splits/{system}.json",
    log:
        "results/logs/split/{system}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=lambda w: split_settings(w).model_dump(),
        source=source_hash("split"),
    script:
        "../scripts/split.py"
