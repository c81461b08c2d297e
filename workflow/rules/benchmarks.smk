# What claims about speed rest on: `snakemake benchmarks` measures here and writes one table.

BENCHMARKS = ["labelling", "training", "prediction", "dynamics", "workflow"]


# Takes all cores, so that nothing else runs beside it. DFTB is measured where DFTB+ is found.
rule benchmark:
    input:
        f"{HOME}benchmarks/{{benchmark}}.py",
    output:
        "results/benchmarks/{benchmark}.csv",
    log:
        "results/logs/benchmark/{benchmark}.log",
    wildcard_constraints:
        benchmark=plan.one_of(BENCHMARKS),
    conda:
        "../../envs/mftl.yaml"
    threads: workflow.cores
    params:
        source=source_hash("run_benchmark"),
    script:
        "../scripts/run_benchmark.py"


rule benchmarks:
    input:
        expand("results/benchmarks/{benchmark}.csv", benchmark=BENCHMARKS),
    output:
        csv="results/benchmarks.csv",
        md="results/benchmarks.md",
    log:
        "results/logs/benchmarks.log",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        source=source_hash("join_benchmarks"),
    script:
        "../scripts/join_benchmarks.py"
