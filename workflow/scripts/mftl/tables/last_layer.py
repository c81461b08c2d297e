"""Errors of single models on the test set, and how sure their last layers are."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from mftl.config.training import Training
from mftl.datasets import choose, read_sets
from mftl.errors import of_models, value_table
from mftl.models import find_device, fix_numerics, load_model
from mftl.uncertainty import learn, sigmas

CITE = ("bigi2024",)


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each curve, value, test structure's energy and component of a force; ``errors.value_table``.

    Of each run ``cards`` says on which structures it was trained; ``labels_<i>`` and ``split_<i>`` are those of its
    last stage. Forces are there where the labels of both training and test set have them.
    """
    fix_numerics()
    predictions = dict(zip(settings["curves"], map(Path, inputs["predictions"]), strict=True))
    tested = {
        (keys["curve"], keys["value"], keys["seed"]): one
        for keys, one in of_models(settings["figure"], predictions)
        if keys["seed"] == settings["seed"]
    }
    parts = []
    for i, run in enumerate(tqdm(settings["runs"], unit="model")):
        own = tested[run["curve"], run["value"], settings["seed"]]
        card = json.loads(Path(inputs["cards"][i]).read_text(encoding="utf-8"))
        model = load_model(inputs["models"][i], find_device(settings["device"]))
        validation_ids = read_sets(inputs[f"split_{i}"])["validation"]
        training, validation = choose(
            inputs[f"labels_{i}"],
            [(card["training_ids"], None), (validation_ids, None)],
            what=f"the last layer of {run['recipe']}",
        )
        (data,) = choose(inputs["test"], [([str(one) for one in own.ids], None)])
        known = own.reference_forces is not None and training.forces is not None
        found = learn(model, training, validation, Training(**card["training"]))
        energies, forces = sigmas(model, found, data, forces=known)
        about = {"curve": run["curve"], "value": run["value"], "estimate": "last-layer", "models": 1}
        off = None if forces is None else (own.forces - own.reference_forces, forces)
        parts.append(value_table(about, own, (own.energies - own.references, energies), off, settings["units"]))
    return pd.concat(parts, ignore_index=True)
