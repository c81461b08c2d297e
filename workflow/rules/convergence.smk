# Whether budgets of training are large enough, only when asked for: `snakemake convergence`, or a curve's table.


# Models of a curve's smallest and largest value whose last stage was trained with twice the budget.
use rule predict as predict_twice with:
    input:
        unpack(of(convergence.of_doubled, prediction.inputs)),
    output:
        predictions="results/convergence/predictions/{curve}.npz",
        costs="results/convergence/costs/{curve}.csv",
    log:
        "results/logs/predict_twice/{curve}.log",
    wildcard_constraints:
        curve=plan.one_of(CONFIG.curves),
    params:
        models=of(convergence.of_doubled, prediction.models),
        settings=of(convergence.of_doubled, prediction.settings),
        device=CONFIG.device,
        source=source_hash("predict"),


rule compare_budgets:
    input:
        unpack(of(convergence.inputs)),
    output:
        "results/convergence/{curve}.csv",
    log:
        "results/logs/compare_budgets/{curve}.log",
    wildcard_constraints:
        curve=plan.one_of(CONFIG.curves),
    conda:
        "../../envs/mftl.yaml"
    params:
        module="mftl.tables.convergence",
        settings=of(convergence.settings),
        source=source_hash("evaluate", "mftl.tables.convergence"),
    script:
        "../scripts/evaluate.py"


rule convergence:
    input:
        of(convergence.tables),
    output:
        csv="results/convergence.csv",
        md="results/convergence.md",
    log:
        "results/logs/convergence.log",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        unjudged=of(convergence.unjudged),
        source=source_hash("join_convergence"),
    script:
        "../scripts/join_convergence.py"
