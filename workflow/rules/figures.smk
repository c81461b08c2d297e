# One tidy table of errors for each figure, and the figures drawn from it.


rule evaluate:
    input:
        unpack(figure_predictions),
    output:
        "results/errors/{figure}.csv",
    log:
        "results/logs/evaluate/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind(*AVERAGED)),
    conda:
        "../../envs/mftl.yaml"
    params:
        curves=lambda w: figure_curves(w.figure),
        only=lambda w: getattr(CONFIG.figures[w.figure], "only", {}),
        source=source_hash("evaluate"),
    script:
        "../scripts/evaluate.py"


rule evaluate_structures:
    input:
        unpack(figure_predictions),
    output:
        "results/errors/{figure}.csv",
    log:
        "results/logs/evaluate_structures/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("box-plots")),
    conda:
        "../../envs/mftl.yaml"
    params:
        curves=lambda w: figure_curves(w.figure),
        value=lambda w: CONFIG.figures[w.figure].value,
        groups=lambda w: CONFIG.figures[w.figure].model_dump(include={"key", "groups"}),
        source=source_hash("evaluate_structures"),
    script:
        "../scripts/evaluate_structures.py"


rule evaluate_comparison:
    input:
        "results/comparisons/{figure}.npz",
    output:
        errors="results/errors/{figure}.csv",
        structures="results/comparisons/{figure}.csv",
    log:
        "results/logs/evaluate_comparison/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind(*COMPARED)),
    conda:
        "../../envs/mftl.yaml"
    params:
        source=source_hash("evaluate_comparison"),
    script:
        "../scripts/evaluate_comparison.py"


rule plot_learning_curves:
    input:
        "results/errors/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/learning-curves.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_learning_curves/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("learning-curves")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=figure_labels,
        looks=figure_looks,
        xlabel=sizes_label,
        test=tested_against,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=figure_style,
        caption=caption,
        source=source_hash("plot_learning_curves"),
    script:
        "../scripts/plot_learning_curves.py"


rule plot_epochs:
    input:
        "results/errors/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/epochs.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_epochs/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("epochs")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=figure_labels,
        looks=figure_looks,
        references=lambda w: [one.model_dump() for one in CONFIG.figures[w.figure].references],
        test=tested_against,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=figure_style,
        caption=caption,
        source=source_hash("plot_epochs"),
    script:
        "../scripts/plot_epochs.py"


rule plot_comparison:
    input:
        data="results/comparisons/{figure}.npz",
        structures="results/comparisons/{figure}.csv",
        errors="results/errors/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/comparison.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_comparison/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("comparison")),
    conda:
        "../../envs/mftl.yaml"
    params:
        series=figure_series,
        reference=lambda w: CONFIG.figures[w.figure].reference,
        histogram=lambda w: CONFIG.figures[w.figure].histogram,
        worst=lambda w: CONFIG.figures[w.figure].worst,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_comparison"),
    script:
        "../scripts/plot_comparison.py"


rule plot_force_parity:
    input:
        data="results/comparisons/{figure}.npz",
        structures="results/comparisons/{figure}.csv",
        errors="results/errors/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/force-parity.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_force_parity/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("force-parity")),
    conda:
        "../../envs/mftl.yaml"
    params:
        series=figure_series,
        reference=lambda w: CONFIG.figures[w.figure].reference,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_force_parity"),
    script:
        "../scripts/plot_force_parity.py"


# How far the low levels of a figure are from the level that its models are tested at.
rule low_level_errors:
    input:
        low_level_inputs,
    output:
        "results/low-levels/{figure}.csv",
    log:
        "results/logs/low_level_errors/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("low-levels")),
    conda:
        "../../envs/mftl.yaml"
    params:
        levels=lambda w: list(dict.fromkeys([figure_target(w)[1], *low_levels(w).values()])),
        reference=lambda w: figure_target(w)[1],
        source=source_hash("compare_levels"),
    script:
        "../scripts/compare_levels.py"


rule plot_low_levels:
    input:
        errors="results/errors/{figure}.csv",
        levels="results/low-levels/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/low-levels.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_low_levels/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("low-levels")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=figure_labels,
        looks=figure_looks,
        levels=low_levels,
        values=lambda w: CONFIG.figures[w.figure].values,
        xlabel=sizes_label,
        test=tested_against,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=figure_style,
        caption=caption,
        source=source_hash("plot_low_levels"),
    script:
        "../scripts/plot_low_levels.py"


rule plot_box_plots:
    input:
        "results/errors/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/box-plots.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_box_plots/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("box-plots")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=figure_labels,
        looks=figure_looks,
        drawn=lambda w: CONFIG.figures[w.figure].model_dump(include={"quantity", "label"}),
        test=tested_against,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_box_plots"),
    script:
        "../scripts/plot_box_plots.py"


rule plot_scheme:
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/scheme.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_scheme/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("scheme")),
    conda:
        "../../envs/mftl.yaml"
    params:
        drawing=lambda w: CONFIG.figures[w.figure].drawing,
        looks={role: CONFIG.role_look(role) for role in ("mftl", "foundation", "single-fidelity", "transfer")},
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_scheme"),
    script:
        "../scripts/plot_scheme.py"


rule plot_stability:
    input:
        "results/simulations/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/stability.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_stability/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("stability")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=simulated_labels,
        looks=simulated_looks,
        panels=simulated_panels,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_stability"),
    script:
        "../scripts/plot_stability.py"


rule plot_stability_table:
    input:
        "results/simulations/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/stability-table.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_stability_table/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("stability-table")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=simulated_labels,
        panels=simulated_panels,
        published=published_counts,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_stability_table"),
    script:
        "../scripts/plot_stability_table.py"


rule plot_structure:
    input:
        "results/structure/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/structure.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_structure/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("structure")),
    conda:
        "../../envs/mftl.yaml"
    params:
        labels=simulated_labels,
        looks=simulated_looks,
        layout=structure_layout,
        text=structure_text,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_structure"),
    script:
        "../scripts/plot_structure.py"


rule plot_phonons:
    input:
        "results/phonons/{figure}.csv",
    output:
        pdf="results/{figure}.pdf",
        png=report(
            "results/{figure}.png",
            caption="../report/phonons.rst",
            category=report_category,
            labels={"figure": "{figure}"},
        ),
        csv="results/{figure}.csv",
    log:
        "results/logs/plot_phonons/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind("phonons")),
    conda:
        "../../envs/mftl.yaml"
    params:
        curves=lambda w: CONFIG.figures[w.figure].curves,
        labels=phonon_labels,
        looks=lambda w: {curve: CONFIG.look_of(curve) for curve in CONFIG.figures[w.figure].curves},
        text=phonon_text,
        title=lambda w: CONFIG.figures[w.figure].title,
        style=CONFIG.plot.model_dump(exclude={"colors"}),
        caption=caption,
        source=source_hash("plot_phonons"),
    script:
        "../scripts/plot_phonons.py"


# Those of a study: results/figures.pdf, or results/<folder>/figures.pdf.
rule figures:
    input:
        lambda w: [f"results/{figure}.pdf" for figure in figures_of_study(w.study)],
    output:
        "results/{study}figures.pdf",
    log:
        "results/logs/{study}figures.log",
    wildcard_constraints:
        study=f"(?:{'|'.join(STUDIES)})",  # an empty constraint would be none
    conda:
        "../../envs/mftl.yaml"
    params:
        source=source_hash("join_figures"),
    script:
        "../scripts/join_figures.py"


rule paper:
    input:
        claims=CLAIMS,
        tables=claimed_tables,
    output:
        report("results/{study}paper.csv", caption="../report/paper.rst", category="The paper beside ours"),
    log:
        "results/logs/{study}paper.log",
    wildcard_constraints:
        study=f"(?:{'|'.join(STUDIES)})",  # an empty constraint would be none
    conda:
        "../../envs/mftl.yaml"
    params:
        figures=claimed_figures,
        scale=CONFIG.scale,
        source=source_hash("compare_with_paper"),
    script:
        "../scripts/compare_with_paper.py"


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
        curves=lambda w: figure_curves(w.figure),
        labels=figure_labels,
        source=source_hash("select_best"),
    script:
        "../scripts/select_best.py"
