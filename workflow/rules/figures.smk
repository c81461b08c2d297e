# Figures: the tables that they are drawn from, the drawings, and what is made of several of them.


# Made of other results: errors of predictions, what became of simulations.
rule evaluate:
    input:
        unpack(of(figures.table_inputs)),
    output:
        "results/{table}/{figure}.csv",
    log:
        "results/logs/evaluate/{table}/{figure}.log",
    wildcard_constraints:
        table=plan.one_of(figures.folders(CONFIG)),
        figure=plan.one_of(figures.with_tables(CONFIG)),
    conda:
        "../../envs/mftl.yaml"
    params:
        module=of(figures.table_module),
        settings=of(figures.table_settings),
        source=of(figures.table_source),
    script:
        "../scripts/evaluate.py"


# The same, where models are run for it.
use rule evaluate as measure with:
    output:
        "results/{table}/{figure}.csv",
    log:
        "results/logs/measure/{table}/{figure}.log",
    wildcard_constraints:
        table=plan.one_of(figures.measured(CONFIG)),
        figure=plan.one_of(figures.with_tables(CONFIG)),


rule plot:
    input:
        unpack(of(figures.inputs)),
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/figure.rst",
            category=of(figures.category),
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot/{figure}.log",
    wildcard_constraints:
        figure=plan.one_of(CONFIG.figures),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        drawing=of(figures.drawing),
        style=of(figures.style),
        caption=of(figures.caption),
        source=of(figures.plot_source),
    script:
        "../scripts/plot.py"


# Those of a study: results/figures.pdf, or results/<folder>/figures.pdf.
rule figures:
    input:
        of(figures.pages),
    output:
        "results/{study}figures.pdf",
    log:
        "results/logs/{study}figures.log",
    wildcard_constraints:
        study=f"(?:{'|'.join(figures.studies(CONFIG))})",  # an empty constraint would be none
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        source=source_hash("join_figures"),
    script:
        "../scripts/join_figures.py"


rule paper:
    input:
        claims=CLAIMS,
        tables=of(figures.claimed_tables, CLAIMS),
    output:
        report("results/{study}paper.csv", caption="../report/paper.rst", category="The paper beside ours"),
    log:
        "results/logs/{study}paper.log",
    wildcard_constraints:
        study=f"(?:{'|'.join(figures.studies(CONFIG))})",  # an empty constraint would be none
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        figures=of(figures.claimed, CLAIMS),
        scale=CONFIG.scale,
        source=source_hash("compare_with_paper"),
    script:
        "../scripts/compare_with_paper.py"


# The best model of a figure's curves, and whether each is better than the first.
rule select_best:
    input:
        unpack(of(figures.best_inputs)),
    output:
        model="results/best/{figure}/model.pt",
        card="results/best/{figure}/model.json",
        report="results/best/{figure}/report.md",
    log:
        "results/logs/select_best/{figure}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        settings=of(figures.best_settings),
        source=source_hash("select_best"),
    script:
        "../scripts/select_best.py"


rule cite:
    input:
        figure="results/{figure}.pdf",
        bibliography=f"{HOME}resources/citations.bib",
    output:
        "results/{figure}.bib",
    log:
        "results/logs/cite/{figure}.log",
    wildcard_constraints:
        figure=plan.one_of(CONFIG.figures),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        source=source_hash("cite"),
    script:
        "../scripts/cite.py"
