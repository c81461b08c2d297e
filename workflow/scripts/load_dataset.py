"""A sample of a published data set -> its structures, and the same with the labels that come with them."""

from mftl.jobs import job

with job(snakemake):
    import logging
    from functools import partial
    from pathlib import Path

    from tqdm import tqdm

    from mftl.downloads import placed
    from mftl.systems.published import read, write

    settings = snakemake.params.settings
    pool = settings["pool"]
    structures = read(
        pool["dataset"],
        [placed(Path(path)) for path in settings["files"]],
        pool["count"],
        pool["seed"],
        settings["elements"],
        partial(tqdm, mininterval=5.0, ascii=True),
        pool["without"],
    )
    count = write(structures, snakemake.output.pool, snakemake.output.labels)
    logging.info("%d structures", count)
