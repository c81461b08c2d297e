"""A pool, a model that looks at it and what is labelled -> the order in which to label, and the next structures."""

from tqdm import tqdm

from mftl.acquisition.ordered import ordered, wanted
from mftl.config.selections import Selection
from mftl.datasets import read_sets
from mftl.jobs import job
from mftl.models import find_device, fix_numerics, load_model
from mftl.states import read_states
from mftl.structures import ENERGY, Structures, write_structures

with job(snakemake):
    fix_numerics()
    inputs, params = snakemake.input, snakemake.params
    settings = Selection(**params.settings, model="")
    pool, table = Structures(inputs.pool), read_states(inputs.states)
    states = {row.id: (row.state, row.reason) for row in table.itertuples()}
    low = None
    if file := inputs.get("low"):
        labels = Structures(file)
        low = dict(zip(labels.ids, map(float, labels.info(ENERGY)), strict=True))
    found = ordered(
        load_model(inputs.model, find_device(params.device), params.head),
        pool,
        read_sets(inputs.split)["training"],
        states,
        settings,
        int(snakemake.wildcards.seed),
        low,
        tuple(params.weights or (1.0, 1.0)),
        params.device,
        lambda structures, total: tqdm(structures, total=total, unit="structure", mininterval=5.0),
    )
    next_ones = wanted(found, settings.rehearsal)
    write_structures(snakemake.output.asked, map(pool.__getitem__, next_ones))
    found.to_csv(snakemake.output.order, index=False)
