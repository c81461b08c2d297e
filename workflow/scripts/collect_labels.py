"""Merge the chunks of a level, or read the file its labels come in, and account for every structure asked for."""

from mftl.jobs import job

with job(snakemake):
    from mftl.acquisition.returned import collect_returned
    from mftl.config.labels import Labels
    from mftl.config.levels import FileLevel, Level, ReturnedLevel
    from mftl.labels import check_failures, collect_chunks, collect_file, write_labelled
    from mftl.states import write_states
    from mftl.structures import Structures

    pool = Structures(snakemake.input.pool)
    if "file" in snakemake.params.level:
        labelled, states = collect_file(pool, FileLevel(**snakemake.params.level), **snakemake.params.given)
    elif "outputs" in snakemake.params.level:
        level = ReturnedLevel(**snakemake.params.level)
        labelled, states = collect_returned(pool, level, snakemake.input.outputs)
    else:
        chunks = list(zip(snakemake.input.chunks, snakemake.input.states, strict=True))
        labelled, states = collect_chunks(pool, Level(**snakemake.params.level), chunks)
    name = f"systems.{snakemake.wildcards.system}.levels.{snakemake.wildcards.level}"
    check_failures(states, Labels(max_failed_fraction=snakemake.params.max_failed_fraction), name)
    write_labelled(snakemake.output.labels, labelled)
    write_states(snakemake.output.states, states)
