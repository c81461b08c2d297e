# Energies and forces of a system's structures at one level of theory: computed by an engine in chunks, or from a file.


rule label_chunk:
    input:
        unpack(chunk_inputs),
    output:
        labels="results/labels/{system}/{level}/chunk-{chunk}-of-{chunks}.extxyz",
        states="results/labels/{system}/{level}/chunk-{chunk}-of-{chunks}.csv",
    log:
        "results/logs/label_chunk/{system}/{level}/chunk-{chunk}-of-{chunks}.log",
    benchmark:
        "results/benchmarks/label_chunk/{system}/{level}/chunk-{chunk}-of-{chunks}.tsv"
    wildcard_constraints:
        chunk=r"\d+",
        chunks=r"\d+",
    conda:
        "../../envs/mftl.yaml"
    params:
        level=lambda w: level_of(w).model_dump(),
        positions=chunk_range,
        max_force=CONFIG.labels.max_force,
        source=source_hash("label_chunk"),
        engine_source=lambda w: engines.content_hash(engines.source_files(level_of(w).engine)),
    script:
        "../scripts/label_chunk.py"


rule collect_labels:
    input:
        unpack(label_inputs),
    output:
        labels="results/labels/{system}/{level}.extxyz",
        states="results/labels/{system}/{level}.csv",
    log:
        "results/logs/collect_labels/{system}/{level}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        level=collecting_settings,
        max_failed_fraction=CONFIG.labels.max_failed_fraction,
        source=source_hash("collect_labels"),
    script:
        "../scripts/collect_labels.py"
