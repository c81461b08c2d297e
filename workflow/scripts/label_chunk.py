"""Label one chunk of a pool with an engine. Beside the output lies a journal from which a killed job goes on."""

from mftl.jobs import job

with job(snakemake):
    from functools import partial
    from pathlib import Path

    from tqdm import tqdm

    from mftl import engines
    from mftl.config.labels import Labels
    from mftl.labels import label_chunk, read_chunk, write_labelled
    from mftl.states import write_states

    level = engines.level(snakemake.params.level)
    labelled, states = label_chunk(
        read_chunk(snakemake.input.pool, level, *snakemake.params.positions),
        level,
        Labels(workers=snakemake.threads, **snakemake.params.limits),
        journal=Path(snakemake.output.labels).with_suffix(".jsonl"),
        progress=partial(tqdm, unit=" structures", mininterval=2, ascii=True),
    )
    write_labelled(snakemake.output.labels, labelled)
    write_states(snakemake.output.states, states)
