# Energies and forces of a system's structures at one level of theory: computed by an engine in chunks, or from a file.


rule label_chunk:
    input:
        unpack(chunk_inputs),
    output:
        labels="results/labels/{system}/{level}/chunk-{chunk}-of-{chunks}.extxyz",
        states="results/labels/{system}/{level}/chunk-{chunk}-of-{chunks}.csv",
    log:
        "results/logs/label_chunk/{system}/{level}/chunk-{chunk}-of-{chunks}.log",
    wildcard_constraints:
        chunk=r"\d+",
        chunks=r"\d+",
    conda:
        lambda w: {"dftb+": "../../envs/dftbplus.yaml", "gpaw": "../../envs/gpaw.yaml"}.get(
            level_of(w).engine, "../../envs/mftl.yaml"
        )
    threads: CONFIG.labels.workers
    params:
        level=lambda w: level_of(w).model_dump(exclude={"chunk_size"}),
        positions=chunk_range,
        limits=CONFIG.labels.model_dump(include={"max_force", "timeout", "retry_failed", "killed"}),
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
        drawn=lambda w: getattr(CONFIG.systems[w.system].pool, "count", None) is not None,
        max_failed_fraction=CONFIG.labels.max_failed_fraction,
        source=source_hash("collect_labels"),
    script:
        "../scripts/collect_labels.py"


rule verify_labels:
    input:
        shipped="config.yaml",
        made="config/reference.yaml",
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
        engine_source=[engines.content_hash(engines.source_files(name)) for name in engines.ENGINES],
    script:
        "../scripts/verify_labels.py"


# The published tables of PTBP, only when asked for: `snakemake download_slater_koster`.
rule download_slater_koster:
    output:
        directory("results/slater-koster/ptbp"),
    log:
        "results/logs/download_slater_koster.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        by_hand="results/slater-koster/by-hand",
        source=source_hash("download_slater_koster"),
    script:
        "../scripts/download_slater_koster.py"
