"""All simulations with a model or a committee, in one batch -> what became of each, and their trajectory."""

import json
from pathlib import Path

import torch

from mftl import engines, models
from mftl.config.dynamics import Protocol
from mftl.dynamics.forces import ModelForces
from mftl.dynamics.low_level import DeltaForces
from mftl.dynamics.simulation import Simulation, identify, replicas
from mftl.dynamics.starts import read_starts
from mftl.inputs import InputError
from mftl.jobs import job

with job(snakemake):
    params = snakemake.params
    models.fix_numerics()
    settings = Protocol(**params.protocol)
    structures, bonds = read_starts(snakemake.input.starts)
    members = [models.load_model(path, head=params.head, dtype=settings.dtype) for path in snakemake.input.models]
    if settings.max_force_deviation is not None and len(members) < 2:
        raise InputError("max_force_deviation needs a committee of at least two models: a curve with two seeds or more")
    stress = settings.ensemble == "npt"
    forces = ModelForces(members, replicas(structures, settings.replicas), params.device, stress=stress)
    words = [json.dumps(params.protocol, sort_keys=True), params.source, torch.__version__]
    if params.low_level:
        if settings.ensemble == "npt":
            raise InputError("a Δ model's low level gives no stress in simulations; use ensemble: nvt")
        torch.set_num_threads(1)  # the job's threads are the engine's workers; and their number must not change a bit
        level = engines.level(params.low_level)
        forces = DeltaForces(forces, level, snakemake.threads)
        words.append(forces.identity)
    files = [Path(path).read_bytes() for path in (*snakemake.input.models, snakemake.input.starts)]
    simulation = Simulation(
        structures,
        bonds,
        forces,
        settings,
        Path(snakemake.output.events).parent,
        seed=int(snakemake.wildcards.seed.partition("-")[0]),
        identity=identify(*words, *files),
    )
    simulation.run().to_csv(snakemake.output.events, index=False)
    simulation.finish(snakemake.output.trajectory, snakemake.output.candidates)
