# Energies and forces of a system's structures at one level of theory: computed by an engine in chunks, or from a file.


rule label_chunk:
    input:
        unpack(of(labels.chunk_inputs, needs_engines)),
    output:
        labels="results/labels/{system}/{level}/chunk-{chunk}-of-{chunks}.extxyz",
        states="results/labels/{system}/{level}/chunk-{chunk}-of-{chunks}.csv",
    log:
        "results/logs/label_chunk/{system}/{level}/chunk-{chunk}-of-{chunks}.log",
    wildcard_constraints:
        chunk=r"\d+",
        chunks=r"\d+",
    conda:
        of(labels.chunk_environment)
    threads: CONFIG.labels.workers
    params:
        level=of(labels.engine_settings),
        positions=of(labels.chunk_range),
        limits=CONFIG.labels.model_dump(include={"max_force", "timeout", "retry_failed", "killed"}),
        source=source_hash("label_chunk"),
        engine_source=of(labels.engine_source),
    script:
        "../scripts/label_chunk.py"


rule collect_labels:
    input:
        unpack(of(labels.collected)),
    output:
        labels="results/labels/{system}/{level}.extxyz",
        states="results/labels/{system}/{level}.csv",
    log:
        "results/logs/collect_labels/{system}/{level}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        level=of(labels.collecting_settings),
        given=of(labels.labels_given),
        max_failed_fraction=CONFIG.labels.max_failed_fraction,
        source=source_hash("collect_labels"),
    script:
        "../scripts/collect_labels.py"


rule compare_levels:
    input:
        labels=of(labels.all_levels),
    output:
        "results/levels/{system}.csv",
    log:
        "results/logs/compare_levels/{system}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        module="mftl.tables.levels",
        settings=of(labels.compared_levels),
        source=source_hash("evaluate", "mftl.tables.levels"),
    script:
        "../scripts/evaluate.py"


rule verify_labels:
    input:
        shipped=f"{HOME}config.yaml",
        studies=labels.shipped_studies(HOME),
        made=f"{HOME}config/reference.yaml",
    output:
        "results/verify_labels.csv",
    log:
        "results/logs/verify_labels.log",
    conda:
        "../../envs/dftbplus.yaml"
    threads: CONFIG.labels.workers
    params:
        sample=CONFIG.verification.model_dump(),
        timeout=CONFIG.labels.timeout,
        source=source_hash("verify_labels"),
        engine_source=list(map(engines.source_hash, engines.sections())),
    script:
        "../scripts/verify_labels.py"
