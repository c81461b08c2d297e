"""Predictions of all models of a curve on its test set -> one file, with the labels beside them."""

import numpy as np
from tqdm import tqdm

from mftl.datasets import choose, read_sets
from mftl.jobs import job
from mftl.models import load_model
from mftl.prediction import predict

with job(snakemake):
    params = snakemake.params
    test_ids = read_sets(snakemake.input.split)["test"][: params.test_structures]
    (test,) = choose(snakemake.input.labels, [(test_ids, None)], what=f"test set of {snakemake.wildcards.curve}")
    energies, forces = [], []
    for path in tqdm(snakemake.input.models, unit="model"):
        energy, force = predict(load_model(path), test.structures, params.batch_size, params.device)
        energies.append(energy)
        forces.append(np.concatenate(force))
    seeds = len(params.seeds)
    np.savez_compressed(
        snakemake.output[0],
        recipe=np.repeat(params.recipes, seeds),
        value=np.repeat(params.values, seeds),
        seed=np.tile(params.seeds, len(params.recipes)),
        ids=[atoms.info["id"] for atoms in test.structures],
        sizes=[len(atoms) for atoms in test.structures],
        numbers=np.concatenate([atoms.numbers for atoms in test.structures]),
        energies=np.array(energies),  # (models, structures), eV
        forces=np.array(forces),  # (models, atoms, 3), eV/Å
        reference_energies=test.energies,
        reference_forces=np.concatenate(test.forces),
    )
