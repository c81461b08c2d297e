# What a call would cost, before anything is submitted: `snakemake cost`, or with --configfile config/paper.yaml.


# Has no output, so it runs whenever it is asked for: what is there by now costs nothing more.
rule cost:
    log:
        "results/logs/cost.log",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        config=config,
        targets=of(cost.targets),
        snakefile=workflow.main_snakefile,
        folder="results",
        source=source_hash("cost"),
    script:
        "../scripts/cost.py"
