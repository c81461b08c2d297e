"""An exported model and the labels of its last stage -> what its last layers saw in training."""

import json
from pathlib import Path

from mftl.config.training import Training
from mftl.datasets import choose, read_sets
from mftl.features import LastLayer
from mftl.jobs import job
from mftl.models import find_device, fix_numerics, load_model
from mftl.uncertainty import learn

with job(snakemake):
    fix_numerics()
    inputs = snakemake.input
    card = json.loads(Path(inputs.training).read_text(encoding="utf-8"))
    training, validation = choose(
        inputs.labels,
        [(card["training_ids"], None), (read_sets(inputs.split)["validation"], None)],
        what=f"the last layer of {card['recipe']}",
    )
    model = load_model(inputs.model, find_device(snakemake.params.device))
    found = learn(model, training, validation, Training(**card["training"]))
    found.write(snakemake.output[0], LastLayer(model).weights)
