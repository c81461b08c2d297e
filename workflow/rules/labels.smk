# Energies and forces of a system's structures at one level of theory: computed by an engine in chunks, or from a file.
from mftl import engines


def level_of(wildcards):
    return CONFIG.systems[wildcards.system].levels[wildcards.level]


def number_of_chunks(wildcards):
    """Chunks are cut from the pool; if its size is not known yet, one chunk holds all of it."""
    ids = checks.pool_ids(CONFIG.systems[wildcards.system])
    if ids is None:
        return 1
    level = level_of(wildcards)
    count = len(ids) if level.only else len(ids[: level.first])
    return -(-count // chunk_size(level))


def chunk_size(level):
    return level.chunk_size or CONFIG.labels.chunk_size


def chunk_range(wildcards):
    """Positions of a chunk in the pool: from, to (None: the end)."""
    size, chunk = chunk_size(level_of(wildcards)), int(wildcards.chunk)
    last = chunk + 1 == int(wildcards.chunks)
    return [chunk * size, None if last else (chunk + 1) * size]


def chunk_inputs(wildcards):
    """The pool and the files that the engine reads. Says here, before any job runs, if the engine cannot label it."""
    system, level = CONFIG.systems[wildcards.system], level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz", "files": []}
    # finished labels stay usable on a machine that has no engine
    finished = Path(f"results/labels/{wildcards.system}/{wildcards.level}/{chunk_name(wildcards)}.csv").exists()
    engine, key = engines.engine(level.engine), f"systems.{wildcards.system}.levels.{wildcards.level}"
    if not finished and (missing := engine.installed(level)):
        raise WorkflowError(f"{key}.engine: {level.engine} is not installed. To install it: {missing}")
    if not finished and (refusal := engines.refusal(level, system.elements, checks.first_periodic(system))):
        raise WorkflowError(f"{key}: {refusal}")
    try:
        inputs["files"] = engine.files(level, system.elements)
    except InputError as error:
        if not finished:
            raise WorkflowError(f"{key}: {error}") from None
    return inputs


def chunk_name(wildcards):
    return f"chunk-{wildcards.chunk}-of-{wildcards.chunks}"


def label_inputs(wildcards):
    """The pool, and the chunks of its labels or the files that they come in."""
    level = level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz"}
    if hasattr(level, "file"):
        return inputs | {"file": level.file} | ({"failures": level.failures} if level.failures else {})
    count = number_of_chunks(wildcards)
    stems = [f"results/labels/{wildcards.system}/{wildcards.level}/chunk-{i}-of-{count}" for i in range(count)]
    return inputs | {
        "chunks": [f"{stem}.extxyz" for stem in stems],
        "states": [f"{stem}.csv" for stem in stems],
    }


def collecting_settings(wildcards):
    """What collecting needs: all that describes a file, but of an engine's settings only what it labels."""
    level = level_of(wildcards)
    settings = level.model_dump()
    return settings if hasattr(level, "file") else {key: settings[key] for key in ("first", "only")}


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
        lambda w: "../../envs/dftbplus.yaml" if level_of(w).engine == "dftb+" else "../../envs/mftl.yaml"
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
