"""All simulations with one model under a protocol, in one batch -> what became of each, and their trajectory."""

import json
from pathlib import Path

import torch

from mftl import engines, models
from mftl.config.dynamics import Protocol
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.low_level import DeltaForces
from mftl.dynamics.simulation import Simulation, identify, replicas
from mftl.dynamics.starts import read_starts
from mftl.jobs import job

with job(snakemake):
    params = snakemake.params
    models.fix_numerics()
    settings = Protocol(**params.protocol)
    structures, bonds = read_starts(snakemake.input.starts)
    model = models.load_model(snakemake.input.model, head=params.head, dtype=settings.dtype)
    forces = ModelForces(model, replicas(structures, settings.replicas), params.device)
    words = [json.dumps(params.protocol, sort_keys=True), params.source, torch.__version__]
    if params.low_level:
        torch.set_num_threads(1)  # the job's threads are the engine's workers; and their number must not change a bit
        level = engines.level(params.low_level)
        forces = DeltaForces(forces, level, snakemake.threads)
        words.append(forces.identity)
    files = [Path(snakemake.input[name]).read_bytes() for name in ("model", "starts")]
    simulation = Simulation(
        structures,
        bonds,
        forces,
        settings,
        Path(snakemake.output.events).parent,
        seed=int(snakemake.wildcards.seed),
        identity=identify(*words, *files),
    )
    simulation.run().to_csv(snakemake.output.events, index=False)
    simulation.finish(snakemake.output.trajectory)
