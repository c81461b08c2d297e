"""Batched prediction against an ASE loop with the same model on the same structures, in one run.

    python benchmarks/prediction.py [MODEL]

Without MODEL, one of the default architecture with random weights: the cost does not depend on the weights. The two
take turns; the ratio is that of the medians, in structures per CPU second, neighbour lists included in both.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np
import torch
import yaml
from ase.io import read

from mftl import models
from mftl.config import Architecture
from mftl.prediction import predict

STRUCTURES, LOOPED, ROUNDS = 1000, 100, 5


def cpu_seconds(function) -> float:
    """CPU time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    from mace.calculators import MACECalculator

    torch.set_num_threads(1)
    structures = read(ROOT / "resources/molecules/molecules.extxyz", f":{STRUCTURES}")
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
    else:
        tiny = Architecture(**yaml.safe_load((ROOT / "config.yaml").read_text())["architectures"]["tiny"])
        path = Path(os.environ.get("TMPDIR", "/tmp")) / "mftl-benchmark.pt"
        models.save_model(models.build_model(tiny, ["H", "C", "N", "O", "S", "Cl"], 6.0, 1.0, 1, torch.float32), path)
    model = models.load_model(path)
    calculator = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float32")

    def loop() -> None:
        for atoms in structures[:LOOPED]:
            copy = atoms.copy()
            copy.calc = calculator
            copy.get_potential_energy()
            copy.get_forces()

    def batched() -> None:
        predict(model, structures)

    loop(), predict(model, structures[:100])  # warm up
    ase, ours = [], []
    for _ in range(ROUNDS):
        ase.append(LOOPED / cpu_seconds(loop))
        ours.append(STRUCTURES / cpu_seconds(batched))
    print(f"ASE loop: {np.median(ase):.0f} structures per CPU second ({min(ase):.0f} to {max(ase):.0f})")
    print(f"batched:  {np.median(ours):.0f} structures per CPU second ({min(ours):.0f} to {max(ours):.0f})")
    print(f"ratio:    {np.median(ours) / np.median(ase):.1f}")


if __name__ == "__main__":
    main()
