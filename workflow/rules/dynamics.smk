# Molecular dynamics with models: what it starts from, all replicas with one model in one job, and what figures take of it.


rule choose_starts:
    input:
        unpack(start_inputs),
    output:
        "results/dynamics/{protocol}/starts.extxyz",
    log:
        "results/logs/choose_starts/{protocol}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        starts=lambda w: CONFIG.dynamics[w.protocol].starts.model_dump(),
        bonds=lambda w: CONFIG.dynamics[w.protocol].bond_deviation is not None,
        source=source_hash("choose_starts"),
    script:
        "../scripts/choose_starts.py"


# Its state and growing trajectory lie beside its outputs, under other names: a job that was killed goes on.
rule dynamics:
    input:
        unpack(low_level_files),
        model=lambda w: model_file(w.architecture, recipe.parse(w.recipe), w.seed),
        starts="results/dynamics/{protocol}/starts.extxyz",
    output:
        events="results/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}/events.csv",
        trajectory="results/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}/trajectory.extxyz",
    log:
        "results/logs/dynamics/{protocol}/{architecture}/{recipe}/seed-{seed}.log",
    conda:
        lambda w: "../../envs/mftl-dftbplus.yaml" if low_engine(w) == "dftb+" else "../../envs/mftl.yaml"
    threads: lambda w: CONFIG.labels.workers if low_engine(w) else 1
    params:
        protocol=lambda w: CONFIG.dynamics[w.protocol].model_dump(),
        low_level=lambda w: one.model_dump(exclude={"chunk_size"}) if (one := low_level(w)) else None,
        engine_source=lambda w: engines.content_hash(engines.source_files(one)) if (one := low_engine(w)) else None,
        head=lambda w: head_of(recipe.parse(w.recipe)),
        device=CONFIG.device,
        source=source_hash("dynamics"),
    script:
        "../scripts/dynamics.py"


rule collect_simulations:
    input:
        simulation_files("events.csv"),
    output:
        "results/simulations/{figure}.csv",
    log:
        "results/logs/collect_simulations/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("stability", "stability-table")),
    conda:
        "../../envs/mftl.yaml"
    params:
        runs=simulated_runs,
        source=source_hash("collect_simulations"),
    script:
        "../scripts/collect_simulations.py"


rule measure_structure:
    input:
        events=simulation_files("events.csv"),
        trajectories=simulation_files("trajectory.extxyz"),
    output:
        "results/structure/{figure}.csv",
    log:
        "results/logs/measure_structure/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("structure")),
    conda:
        "../../envs/mftl.yaml"
    params:
        runs=simulated_runs,
        settings=lambda w: CONFIG.figures[w.figure].model_dump(
            include={"skip", "r_max", "r_bins", "shell", "angle_bins"}
        ),
        source=source_hash("measure_structure"),
    script:
        "../scripts/measure_structure.py"


rule measure_phonons:
    input:
        models=lambda w: [run_model(run) for run in phonon_runs(w)],
    output:
        "results/phonons/{figure}.csv",
    log:
        "results/logs/measure_phonons/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("phonons")),
    conda:
        "../../envs/mftl.yaml"
    params:
        runs=phonon_runs,
        level=phonon_level,
        crystal=lambda w: CONFIG.figures[w.figure].crystal.model_dump(),
        settings=lambda w: CONFIG.figures[w.figure].model_dump(
            include={"supercell", "displacement", "mesh", "broadening"}
        ),
        device=CONFIG.device,
        source=source_hash("measure_phonons"),
    script:
        "../scripts/measure_phonons.py"
