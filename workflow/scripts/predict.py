"""Predictions of all models of a curve on its test set -> one file, with the labels beside them, and what they cost."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mftl.batches import Limit
from mftl.datasets import choose, read_sets
from mftl.jobs import job
from mftl.models import fix_numerics, load_model
from mftl.prediction import Graphs, predict_with_stress
from mftl.recipe import parse
from mftl.states import mean_seconds

with job(snakemake):
    fix_numerics()
    params, tried = snakemake.params, snakemake.params.models
    test_ids = read_sets(snakemake.input.split)["test"][: params.settings["test_structures"]]
    (test,) = choose(snakemake.input.labels, [(test_ids, None)], what=f"test set of {snakemake.wildcards.curve}")
    ids = [atoms.info["id"] for atoms in test.structures]
    low_energies, low_forces, low_stresses, low_seconds = 0.0, 0.0, 0.0, 0.0
    if low_level := snakemake.input.labels[1:]:  # the models predict a difference, and so does `test` hold one
        (low,) = choose(low_level, [(ids, None)])
        low_energies = low.energies
        low_forces = np.nan if low.forces is None else np.concatenate(low.forces)
        low_stresses = np.nan if low.stresses is None else low.stresses
        low_seconds = mean_seconds(snakemake.input.states[0], ids)
    energies, forces, stresses, seconds = [], [], [], []
    use_stress = test.stresses is not None
    limit = Limit(**params.settings["limit"])  # lowered for all models where memory runs out
    graphs = Graphs(test.structures)
    for path in tqdm(snakemake.input.models, unit="model"):
        model = load_model(path, head=tried["head"])
        own = graphs.of(model)
        start = time.perf_counter()
        energy, force, stress = predict_with_stress(
            model, test.structures, limit, params.device, graphs=own, use_stress=use_stress
        )
        seconds.append((time.perf_counter() - start + graphs.seconds) / len(ids))
        energies.append(energy + low_energies)
        forces.append(np.concatenate(force) + low_forces)
        if use_stress:
            stresses.append(stress + low_stresses)
    seeds = len(tried["seeds"])
    epochs = np.repeat([parse(one).epochs for one in tried["recipes"]], seeds)
    if snakemake.input.cards:
        epochs = [json.loads(Path(card).read_text(encoding="utf-8"))["chosen_epochs"] for card in snakemake.input.cards]
    np.savez_compressed(
        snakemake.output.predictions,
        recipe=np.repeat(tried["recipes"], seeds),
        value=np.repeat(tried["values"], seeds),
        epochs=epochs,
        seed=np.tile(tried["seeds"], len(tried["recipes"])),
        ids=ids,
        relative=params.settings["relative"],
        sizes=[len(atoms) for atoms in test.structures],
        numbers=np.concatenate([atoms.numbers for atoms in test.structures]),
        energies=np.array(energies),  # (models, structures), eV
        forces=np.array(forces),  # (models, atoms, 3), eV/Å
        reference_energies=test.energies + low_energies,
        **({} if test.forces is None else {"reference_forces": np.concatenate(test.forces) + low_forces}),
        # (models, structures, 3, 3) and (structures, 3, 3), eV/Å³
        **({"stresses": stresses, "reference_stresses": test.stresses + low_stresses} if use_stress else {}),
    )
    # apart from the predictions, which are the same whenever they are made
    costs = {"recipe": np.repeat(tried["recipes"], seeds), "seed": np.tile(tried["seeds"], len(tried["recipes"]))}
    costs |= {"model_seconds": seconds, "low_level_seconds": low_seconds}
    pd.DataFrame(costs).to_csv(snakemake.output.costs, index=False)
