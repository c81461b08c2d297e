# How good forecasts of learning curves are, only when asked for: `snakemake forecasts`.


rule forecasts:
    input:
        of(forecasts.tables),
    output:
        csv="results/forecasts.csv",
        md="results/forecasts.md",
    log:
        "results/logs/forecasts.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(forecasts.settings),
        source=source_hash("judge_forecasts"),
    script:
        "../scripts/judge_forecasts.py"
