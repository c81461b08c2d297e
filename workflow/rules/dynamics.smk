# Molecular dynamics with models: what it starts from, and all replicas with one model in one job.


rule choose_starts:
    input:
        unpack(of(dynamics.start_inputs)),
    output:
        "results/dynamics/{protocol}/starts.extxyz",
    log:
        "results/logs/choose_starts/{protocol}.log",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        starts=of(dynamics.start_settings),
        bonds=of(dynamics.holds_bonds),
        source=source_hash("choose_starts"),
    script:
        "../scripts/choose_starts.py"


# Its state and growing trajectory lie beside its outputs, under other names: a job that was killed goes on.
rule dynamics:
    input:
        unpack(of(dynamics.inputs, needs_engines)),
    output:
        events="results/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}/events.csv",
        trajectory="results/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}/trajectory.extxyz",
        candidates="results/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}/candidates.extxyz",
    log:
        "results/logs/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}.log",
    wildcard_constraints:
        seed=r"\d+(?:-\d+)?",  # 1-3: a committee
    conda:
        of(dynamics.environment)
    threads: of(dynamics.threads)
    params:
        protocol=of(dynamics.protocol),
        low_level=of(dynamics.low_level),
        engine_source=of(dynamics.low_source),
        head=of(dynamics.head),
        device=CONFIG.device,
        source=source_hash("dynamics"),
    script:
        "../scripts/dynamics.py"
