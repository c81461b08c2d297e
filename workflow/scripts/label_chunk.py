"""Label one chunk of a pool with an engine. Beside the output lies a journal from which a killed job goes on."""

from mftl.jobs import job

with job(snakemake):
    from pathlib import Path

    from pydantic import TypeAdapter
    from tqdm import tqdm

    from mftl.config import AnyLevel, Labels
    from mftl.labels import label_chunk, wanted, write_labelled, write_states
    from mftl.structures import read_structures

    level = TypeAdapter(AnyLevel).validate_python(snakemake.params.level)
    pool = read_structures(snakemake.input.pool)
    chunk = {atoms.info["id"] for atoms in pool[slice(*snakemake.params.positions)]}
    structures = [atoms for atoms in wanted(pool, level) if atoms.info["id"] in chunk]
    labelled, states = label_chunk(
        structures,
        level,
        Labels(max_force=snakemake.params.max_force),
        journal=Path(snakemake.output.labels).with_suffix(".jsonl"),
        progress=tqdm,
    )
    write_labelled(snakemake.output.labels, labelled)
    write_states(snakemake.output.states, states)
