# Which labels to buy, how many, with which way of training, only when asked for: `snakemake advice`.


rule advise:
    input:
        unpack(of(advice.inputs)),
        record=f"{HOME}resources/forecasts.csv",
    output:
        csv="results/advice/{system}.csv",
        md="results/advice/{system}.md",
        yaml="results/advice/{system}.yaml",
    log:
        "results/logs/advise/{system}.log",
    wildcard_constraints:
        system=plan.one_of(advice.systems(CONFIG)),
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(advice.settings),
        source=source_hash("advise"),
    script:
        "../scripts/advise.py"


rule draw_advice:
    input:
        "results/advice/{system}.csv",
    output:
        pdf="results/advice/{system}.pdf",
        png="results/advice/{system}.png",
    log:
        "results/logs/draw_advice/{system}.log",
    wildcard_constraints:
        system=plan.one_of(advice.systems(CONFIG)),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        drawing=of(advice.drawing),
        style=of(advice.style),
        source=source_hash("draw_advice"),
    script:
        "../scripts/draw_advice.py"


rule advice:
    input:
        of(advice.targets),
    localrule: True
