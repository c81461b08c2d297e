"""Predictions of a pilot and a record of forecasts -> what to do: numbers, a page and a configuration that runs."""

from pathlib import Path

import yaml

from mftl import checks, points
from mftl.advice import pilot
from mftl.advice.costs import Prices
from mftl.advice.findings import Findings
from mftl.advice.page import Circumstances, page
from mftl.advice.recommended import recommended
from mftl.datasets import read_sets
from mftl.errors import point_table
from mftl.extxyz import read_ids
from mftl.forecast import read_record
from mftl.jobs import job
from mftl.states import read_states

with job(snakemake):
    inputs, outputs, told = snakemake.input, snakemake.output, snakemake.params.settings
    config = checks.load(told["basis"])
    own = config.advice
    predictions = dict(zip(told["curves"], map(Path, inputs.predictions), strict=True))
    table = point_table("advice", predictions)
    points.warn(table)
    quantity = own.quantity or ("forces" if (table["quantity"] == "forces").any() else "energy")
    labels = {name: config.curves[name].label for name in told["curves"]}
    ways = pilot.ways(config)
    found = Findings(table, ways, labels, read_record(inputs.record), quantity, own.error)
    states = read_states(inputs.states)
    done = set(states.loc[states["state"] == "done", "id"])
    have = len(done.intersection(read_sets(inputs.split)["training"]))
    prices = Prices(config, found.best.name, have)
    sizes = [found.largest, *(int(ratio * found.largest) for ratio in found.ratios)]
    known = Circumstances(
        own.system,
        own.level,
        len(config.seeds_of(found.scratch.name)),
        have,
        own.wanted,
        tuple(prices.at(size) for size in sizes),
        prices.rates.said(),
        own.budget,
        prices.afforded(own.budget, prices.between(found.aim)) if own.budget else None,
        tuple(read_ids(inputs.asked)) if inputs.get("asked") else (),
        inputs.get("asked", ""),
        outputs.yaml,
    )
    larger = found.limit is not None and found.limit.verdict == points.HOLDS
    values = recommended(config, found.best, have, larger)
    head = f"# Made by `snakemake advice`: {own.system} at {own.level}. What was found is in {Path(outputs.md).name}.\n"
    Path(outputs.yaml).write_text(head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    Path(outputs.md).write_text(page(found, known), encoding="utf-8")
    found.numbers().to_csv(outputs.csv, index=False, float_format="%.6g")
