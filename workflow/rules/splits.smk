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
        level=lambda w: split_settings(w).level,
        test=lambda w: split_settings(w).test,
        validation=lambda w: split_settings(w).validation,
        seed=lambda w: split_settings(w).seed,
        test_only=lambda w: split_settings(w).test_only,
        source=source_hash("split"),
    script:
        "../scripts/split.py"
