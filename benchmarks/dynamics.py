"""Batched dynamics against ASE's Langevin with MACECalculator, same models and time step, in one run.

    python benchmarks/dynamics.py [MODEL]

32 replicas of ethanol (with MODEL, or one of the architecture ``tiny`` with random weights) and 20 of 64 atoms of
germanium (``tiny-metal``, random weights): the cost does not depend on the weights, but atoms must stay together, so
the forces of models with random weights are scaled down. The two take turns; the ratio is that of the medians, in steps
of one replica per CPU second.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np
import torch
import yaml
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from mftl import models
from mftl.config import Architecture, Protocol
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.simulation import Simulation

ROUNDS = 5


def cpu_seconds(function) -> float:
    """CPU time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def random_model(architecture: str, elements: list[str], neighbours: float, folder: Path) -> Path:
    """A file with a model of an architecture of config.yaml, whose forces are weak."""
    given = yaml.safe_load((ROOT / "config.yaml").read_text())["architectures"][architecture]
    model = models.build_model(Architecture(**given), elements, neighbours, 0.05, 1, torch.float32)
    path = folder / f"{architecture}.pt"
    models.save_model(model, path)
    return path


def compare(
    name: str, path: Path, atoms: Atoms, replicas: int, steps: int, loop_steps: int, temperature: float
) -> None:
    """Measure and print one case."""
    from mace.calculators import MACECalculator

    one = atoms.copy()
    one.calc = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float32")
    MaxwellBoltzmannDistribution(one, temperature_K=temperature, rng=np.random.default_rng(0))
    friction = 1 / (1000 * units.fs)
    ase_md = Langevin(one, 0.5 * units.fs, temperature_K=temperature, friction=friction, rng=np.random.default_rng(0))
    protocol = Protocol(
        starts={"system": "any"}, temperature=temperature, length=1e3, frame_every=1e3, replicas=replicas, closest=1e-3,
        max_temperature=1e6,
    )  # fmt: skip
    model = models.load_model(path)
    with tempfile.TemporaryDirectory() as folder:
        batch = Simulation([atoms], None, ModelForces(model, [atoms] * replicas), protocol, Path(folder))
        batch.checkpoint_seconds = 1e9

        def loop() -> None:
            ase_md.run(loop_steps)

        def batched() -> None:
            batch.run(until=batch.step + steps)

        loop(), batched()  # warm up
        ase, ours = [], []
        for _ in range(ROUNDS):
            ase.append(loop_steps / cpu_seconds(loop))
            ours.append(replicas * steps / cpu_seconds(batched))
        assert len(batch.live) == replicas
    print(f"{name}, {replicas} replicas, steps of one replica per CPU second")
    print(f"  ASE:     {np.median(ase):.0f} ({min(ase):.0f} to {max(ase):.0f})")
    print(f"  batched: {np.median(ours):.0f} ({min(ours):.0f} to {max(ours):.0f})")
    print(f"  ratio:   {np.median(ours) / np.median(ase):.1f}", flush=True)


def main() -> None:
    """Measure and print."""
    models.fix_numerics()
    with tempfile.TemporaryDirectory() as folder:
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else random_model("tiny", ["H", "C", "O"], 6.0, Path(folder))
        compare("ethanol", given, molecule("CH3CH2OH"), 32, 60, 60, 300)
        germanium = bulk("Ge", "diamond", 5.66, cubic=True).repeat(2)
        compare("germanium", random_model("tiny-metal", ["Ge"], 28.0, Path(folder)), germanium, 20, 3, 30, 1200)


if __name__ == "__main__":
    main()
