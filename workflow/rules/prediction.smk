# Predictions of all models of a curve on the test set: one job, since importing torch costs more than predicting.


rule predict:
    input:
        models=lambda w: models_of(w.curve),
        cards=lambda w: chosen_cards(w.curve),
        labels=lambda w: target_labels(w.curve),
        states=lambda w: [path.replace(".extxyz", ".csv") for path in target_labels(w.curve)[1:]],
        split=lambda w: f"results/splits/{CONFIG.target_of(w.curve)[0]}.json",
    output:
        predictions="results/predictions/{curve}.npz",
        costs="results/costs/{curve}.csv",  # seconds for a structure, of the model and of the low level added to it
    log:
        "results/logs/predict/{curve}.log",
    conda:
        "../../envs/mftl.yaml"
    params:
        recipes=lambda w: [str(one) for one in CONFIG.recipes_of(w.curve)],
        values=lambda w: CONFIG.curves[w.curve].values or [0],
        head=lambda w: head_of(CONFIG.recipes_of(w.curve)[0]),
        seeds=lambda w: CONFIG.seeds_of(w.curve),
        settings=prediction_settings,
        device=CONFIG.device,
        source=source_hash("predict"),
    script:
        "../scripts/predict.py"


# One model and two levels on all structures that both levels label.
rule compare_structures:
    input:
        unpack(compared_inputs),
    output:
        "results/comparisons/{figure}.npz",
    log:
        "results/logs/compare_structures/{figure}.log",
    wildcard_constraints:
        figure=one_of(figures_of_kind(*COMPARED)),
    conda:
        "../../envs/mftl.yaml"
    params:
        head=lambda w: head_of(recipe.parse(CONFIG.figures[w.figure].model)),
        batch_size=CONFIG.prediction.batch_size,
        device=CONFIG.device,
        source=source_hash("compare_structures"),
    script:
        "../scripts/compare_structures.py"
