"""One stage of a recipe -> its model, the weights alone, a card of what made it, and a log of its epochs."""

import json
from pathlib import Path

import pandas as pd
import torch

from mftl.acquisition.names import read_order
from mftl.config.training import Architecture, Training
from mftl.datasets import choose, read_sets
from mftl.jobs import job
from mftl.models import model_elements, save_model, symbols
from mftl.recipe import parse
from mftl.splits import hash_order
from mftl.training import ways
from mftl.training.run import Run

with job(snakemake):
    params = snakemake.params
    stage = parse(snakemake.wildcards.recipe).last
    sets = read_sets(snakemake.input.split)
    seed = int(snakemake.wildcards.seed)
    ids = sets["training"]
    if params.data["resample"]:
        ids = hash_order(ids, seed)  # another order for each seed: other structures
    elif order := snakemake.input.get("order"):
        ids = read_order(order)
    training, validation = choose(
        snakemake.input.labels, [(ids, params.data["size"]), (sets["validation"], None)], what=str(stage)
    )
    new = params.new_model or {}
    shorter = snakemake.input.get("shorter")
    model = Run(
        training,
        validation,
        Training(**params.settings),
        Path(snakemake.output.model).parent,
        architecture=Architecture(**new["architecture"]) if new else None,
        elements=new.get("elements"),
        parent=snakemake.input.get("parent"),
        head=params.head,
        ways=ways.read(params.ways or {}, dict(snakemake.input.items()), str(stage)),
        seed=seed,
        device=params.device,
        shorter=shorter and Path(shorter).with_name("state.pt"),
        source=params.source,
    ).train(tuple(params.snapshots), params.until_best)
    validated = pd.read_csv(snakemake.output.log).dropna(subset="validation_score")
    if params.until_best:
        validated = validated.loc[[validated["validation_score"].idxmin()]]
    card = {
        "recipe": snakemake.wildcards.recipe,
        "seed": seed,
        "elements": symbols(model_elements(model)),
        "training": params.settings,
        "new_model": params.new_model,
        "parent": snakemake.input.get("parent"),
        "head": params.head,
        "ways": params.ways,
        "validation": json.loads(validated.to_json(orient="records"))[-1] if len(validated) else None,
        "training_ids": [atoms.info["id"] for atoms in training.structures],
    }
    Path(snakemake.output.card).write_text(json.dumps(card, indent=1), encoding="utf-8")
    torch.save({key: value.cpu() for key, value in model.state_dict().items()}, snakemake.output.weights)
    save_model(model, snakemake.output.model)
