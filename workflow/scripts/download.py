"""A file of others, checked -> its receipt. The file itself stays in the folder of downloads, whatever happens here."""

from mftl.jobs import job

with job(snakemake):
    from functools import partial

    from tqdm import tqdm

    from mftl.downloads import fetch, write_receipt

    params = snakemake.params
    progress = partial(tqdm, mininterval=5.0, ascii=True)
    write_receipt(snakemake.output[0], fetch(snakemake.wildcards.download, params.folder, params.checksum, progress))
