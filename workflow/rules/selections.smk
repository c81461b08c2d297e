# Which structures to label next: an order of a training set, and inputs for the calculations.


rule select:
    input:
        unpack(of(selections.inputs)),
    output:
        order="results/selections/{selection}/seed-{seed}/order.csv",
        asked="results/selections/{selection}/seed-{seed}/asked.extxyz",
    log:
        "results/logs/select/{selection}/seed-{seed}.log",
    wildcard_constraints:
        selection=plan.one_of(CONFIG.selections),
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(selections.settings),
        weights=of(selections.weights),
        head=of(selections.head),
        device=CONFIG.device,
        source=source_hash("select_structures"),
    script:
        "../scripts/select_structures.py"


# The folder beside the table is no output: Snakemake would remove it, with what was computed there since.
rule write_inputs:
    input:
        "results/selections/{selection}/seed-{seed}/asked.extxyz",
    output:
        "results/selections/{selection}/seed-{seed}/{program}.csv",
    log:
        "results/logs/write_inputs/{selection}/seed-{seed}/{program}.log",
    wildcard_constraints:
        selection=plan.one_of(CONFIG.selections),
        program="orca|vasp|pyscf",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(selections.program_settings),
        source=source_hash("write_inputs"),
    script:
        "../scripts/write_inputs.py"
