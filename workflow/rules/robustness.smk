# Whether models hold beyond their test set, only when asked for: `snakemake robustness`. Its tables are those of figures.


rule judge_robustness:
    input:
        unpack(of(robustness.inputs)),
    output:
        csv="results/robustness/{tested}.csv",
        md="results/robustness/{tested}.md",
    log:
        "results/logs/judge_robustness/{tested}.log",
    wildcard_constraints:
        tested=plan.one_of(robustness.names(CONFIG)),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(robustness.settings),
        source=source_hash("judge_robustness"),
    script:
        "../scripts/judge_robustness.py"


rule draw_robustness:
    input:
        unpack(of(robustness.inputs)),
    output:
        pdf="results/robustness/{tested}.pdf",
        png="results/robustness/{tested}.png",
    log:
        "results/logs/draw_robustness/{tested}.log",
    wildcard_constraints:
        tested=plan.one_of(robustness.names(CONFIG)),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(robustness.settings),
        style=of(robustness.style),
        source=source_hash("draw_robustness"),
    script:
        "../scripts/draw_robustness.py"


rule robustness:
    input:
        of(robustness.targets),
    localrule: True
