# What models predict: all models of a curve on its test set, one model beside a level of theory, and the best for others.


# One job for a curve, since importing torch costs more than predicting.
rule predict:
    input:
        unpack(of(prediction.inputs)),
    output:
        predictions="results/predictions/{curve}.npz",
        costs="results/costs/{curve}.csv",  # seconds for a structure, of the model and of the low level added to it
    log:
        "results/logs/predict/{curve}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        models=of(prediction.models),
        settings=of(prediction.settings),
        device=CONFIG.device,
        source=source_hash("predict"),
    script:
        "../scripts/predict.py"


# One model and two levels on all structures that both levels label.
rule compare_structures:
    input:
        unpack(of(prediction.compared)),
    output:
        data="results/comparisons/{figure}.npz",
        structures="results/comparisons/{figure}.csv",
    log:
        "results/logs/compare_structures/{figure}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        head=of(prediction.compared_head),
        limit=of(prediction.limit),
        device=CONFIG.device,
        source=source_hash("compare_structures"),
    script:
        "../scripts/compare_structures.py"


# The best model of a curve for other programs, with a card: `snakemake export`, or results/export/<curve>/model.pt.
rule export_model:
    input:
        unpack(of(prediction.export_inputs)),
        bibliography=f"{HOME}resources/citations.bib",
    output:
        model="results/export/{curve}/model.pt",
        lammps="results/export/{curve}/model.pt-lammps.pt",
        committee="results/export/{curve}/committee/committee.json",  # beside its models
        training="results/export/{curve}/training.json",
        card="results/export/{curve}/card.json",
        readme="results/export/{curve}/README.md",
        cite="results/export/{curve}/cite.bib",
    log:
        "results/logs/export_model/{curve}.log",
    wildcard_constraints:
        curve=plan.one_of(prediction.exportable(CONFIG)),
    conda:
        "../../envs/mftl.yaml"
    params:
        data=of(prediction.origins),
        difference=of(prediction.difference),
        source=source_hash("export_model"),
    script:
        "../scripts/export_model.py"


# What its last layers saw in training: mftl.last_layer_calculator. Only when asked for.
rule export_last_layer:
    input:
        unpack(of(prediction.last_stage)),
        model="results/export/{curve}/model.pt",
        training="results/export/{curve}/training.json",
    output:
        "results/export/{curve}/last-layer.npz",
    log:
        "results/logs/export_last_layer/{curve}.log",
    wildcard_constraints:
        curve=plan.one_of(prediction.exportable(CONFIG)),
    conda:
        "../../envs/mftl.yaml"
    params:
        device=CONFIG.device,
        source=source_hash("export_last_layer"),
    script:
        "../scripts/export_last_layer.py"


rule export:
    input:
        of(prediction.exported),
