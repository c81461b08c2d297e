"""Batched dynamics against ASE's Langevin with MACECalculator, same models and time step, in one run.

    python benchmarks/dynamics.py [TABLE.csv [MODEL]]

32 replicas of ethanol (with MODEL, or one of the architecture ``tiny`` with random weights) and 20 of 64 atoms of
germanium (``tiny-metal``, random weights): the cost does not depend on the weights, but atoms must stay together, so
the forces of models with random weights are scaled down. The two take turns; the ratio is that of the medians, in steps
of one replica per CPU second.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from table import Table, cpu, run

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from mftl import models
from mftl.config.studies import complete
from mftl.config.dynamics import Protocol
from mftl.config.training import Architecture
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.simulation import Simulation

ROUNDS = 5


def cpu_seconds(function: Callable[[], None]) -> float:
    """CPU time of one call."""
    start = cpu()
    function()
    return cpu() - start


def random_model(architecture: str, elements: list[str], neighbours: float, folder: Path) -> Path:
    """A file with a model of an architecture of config.yaml, whose forces are weak."""
    given = complete({})["architectures"][architecture]
    model = models.build_model(Architecture(**given), elements, neighbours, 0.05, 1, torch.float32)
    path = folder / f"{architecture}.pt"
    models.save_model(model, path)
    return path


def compare(
    table: Table,
    subject: str,
    path: Path,
    atoms: Atoms,
    replicas: int,
    steps: int,
    loop_steps: int,
    temperature: float,
) -> None:
    """Measure one case."""
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
    one_replica, unit = "steps of one replica", "per CPU second"
    slow = table.add(subject, f"{one_replica}, ASE's Langevin", ase, unit)
    fast = table.add(subject, f"{one_replica}, {replicas} in a batch", ours, unit)
    table.add(subject, "batched dynamics against ASE", fast / slow, "times")


def compare_committee(table: Table, subject: str, path: Path, atoms: Atoms, replicas: int, steps: int) -> None:
    """Measure five models as one force field against one of them; weights make no difference."""
    protocol = Protocol(
        starts={"system": "any"}, temperature=300, length=1e3, frame_every=1e3, replicas=replicas, closest=1e-3,
        max_temperature=1e6,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for members in (1, 5):
            forces = ModelForces([models.load_model(path) for _ in range(members)], [atoms] * replicas)
            runs.append(Simulation([atoms], None, forces, protocol, Path(folder) / str(members)))
            runs[-1].checkpoint_seconds = 1e9
        seconds: list[list[float]] = [[], []]
        for turn in range(ROUNDS + 1):
            for own, one in zip(seconds, runs, strict=True):
                taken = cpu_seconds(lambda one=one: one.run(until=one.step + steps))
                if turn:  # the first warms up
                    own.append(taken)
    table.add(subject, "a committee of five against five times one model", np.divide(*seconds[::-1]) / 5, "times")


def measure(table: Table) -> None:
    """All cases."""
    models.fix_numerics()
    with tempfile.TemporaryDirectory() as folder:
        given = Path(sys.argv[2]) if len(sys.argv) > 2 else random_model("tiny", ["H", "C", "O"], 6.0, Path(folder))
        compare(table, "dynamics of ethanol", given, molecule("CH3CH2OH"), 32, 60, 60, 300)
        compare_committee(table, "dynamics of ethanol", given, molecule("CH3CH2OH"), 32, 60)
        germanium, path = (
            bulk("Ge", "diamond", 5.66, cubic=True).repeat(2),
            random_model("tiny-metal", ["Ge"], 28.0, Path(folder)),
        )
        compare(table, "dynamics of germanium", path, germanium, 20, 3, 30, 1200)


if __name__ == "__main__":
    run(measure)
