# The best model of a curve for other programs, with a card: `snakemake export`, or results/export/<curve>/model.pt.


rule export_model:
    input:
        models=lambda w: models_of(w.curve),
        cards=lambda w: [card_of(path) for path in models_of(w.curve)],
        predictions="results/predictions/{curve}.npz",
        bibliography="resources/citations.bib",
    output:
        model="results/export/{curve}/model.pt",
        lammps="results/export/{curve}/model.pt-lammps.pt",
        training="results/export/{curve}/training.json",
        card="results/export/{curve}/card.json",
        readme="results/export/{curve}/README.md",
        cite="results/export/{curve}/cite.bib",
    log:
        "results/logs/export_model/{curve}.log",
    wildcard_constraints:
        curve=one_of(EXPORTABLE),
    conda:
        "../../envs/mftl.yaml"
    params:
        data=origins,
        difference=lambda w: "".join(CONFIG.target_of(w.curve)[1][1:]) or None,
        source=source_hash("export_model"),
    script:
        "../scripts/export_model.py"
