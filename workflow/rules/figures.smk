# One tidy table of errors for each figure, and the figures drawn from it.


rule evaluate:
    input:
        lambda w: [f"results/predictions/{curve}.npz" for curve in CONFIG.figures[w.figure].curves],
    output:
        "results/errors/{figure}.csv",
    log:
        "results/logs/evaluate/{figure}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        curves=lambda w: CONFIG.figures[w.figure].curves,
        source=source_hash("evaluate"),
    script:
        "../scripts/evaluate.py"


rule plot_learning_curves:
    input:
        "results/errors/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png="results/{figure}.png",
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_learning_curves/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("learning-curves")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=lambda w: {curve: CONFIG.curves[curve].label for curve in CONFIG.figures[w.figure].curves},
        title=lambda w: CONFIG.figures[w.figure].title,
        target=lambda w: CONFIG.target_of(CONFIG.figures[w.figure].curves[0])[1][0],
        style=CONFIG.plot.model_dump(),
        source=source_hash("plot_learning_curves"),
    script:
        "../scripts/plot_learning_curves.py"


rule compare_levels:
    input:
        lambda w: [f"results/labels/{w.system}/{level}.extxyz" for level in CONFIG.systems[w.system].levels],
    output:
        "results/levels/{system}.csv",
    log:
        "results/logs/compare_levels/{system}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        levels=lambda w: list(CONFIG.systems[w.system].levels),
        reference=lambda w: CONFIG.systems[w.system].split.level,
        source=source_hash("compare_levels"),
    script:
        "../scripts/compare_levels.py"


rule select_best:
    input:
        errors="results/errors/{figure}.csv",
        models=figure_models,
        cards=lambda w: [card_of(path) for path in figure_models(w)],
    output:
        model="results/best/{figure}/model.pt",
        card="results/best/{figure}/model.json",
        report="results/best/{figure}/report.md",
    log:
        "results/logs/select_best/{figure}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        curves=lambda w: CONFIG.figures[w.figure].curves,
        labels=lambda w: {curve: CONFIG.curves[curve].label for curve in CONFIG.figures[w.figure].curves},
        source=source_hash("select_best"),
    script:
        "../scripts/select_best.py"
