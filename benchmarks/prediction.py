"""Batched prediction against an ASE loop with the same model on the same structures, in one run.

    python benchmarks/prediction.py [TABLE.csv]

The model has the default architecture and random weights: the cost does not depend on the weights. The two take turns;
the ratio is that of the medians, in structures per CPU second, neighbour lists included in both.
"""

import tempfile
from pathlib import Path

import torch
from table import ROOT, Table, cpu, run

from mftl import models
from mftl.config.studies import complete
from mftl.config.training import Architecture
from mftl.prediction import predict
from mftl.structures import read_structures

STRUCTURES, LOOPED, ROUNDS = 1000, 100, 5


def measure(table: Table) -> None:
    """Measure on one core."""
    from mace.calculators import MACECalculator

    torch.set_num_threads(1)
    structures = read_structures(ROOT / "resources/molecules/molecules.extxyz.xz", slice(0, STRUCTURES))
    tiny = Architecture(**complete({})["architectures"]["tiny"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        models.save_model(models.build_model(tiny, ["H", "C", "N", "O", "S", "Cl"], 6.0, 1.0, 1, torch.float32), path)
        model = models.load_model(path)
        calculator = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float32")

    def loop() -> None:
        for atoms in structures[:LOOPED]:
            copy = atoms.copy()
            copy.calc = calculator
            copy.get_potential_energy()
            copy.get_forces()

    loop(), predict(model, structures[:100])  # warm up
    ase, ours = [], []
    for _ in range(ROUNDS):
        start = cpu()
        loop()
        ase.append(LOOPED / (cpu() - start))
        start = cpu()
        predict(model, structures)
        ours.append(STRUCTURES / (cpu() - start))
    loop_rate = table.add("prediction", "MACECalculator in a loop", ase, "structures per CPU second")
    rate = table.add("prediction", "in batches", ours, "structures per CPU second")
    table.add("prediction", "batches to loop", rate / loop_rate, "times as fast")


if __name__ == "__main__":
    run(measure)
