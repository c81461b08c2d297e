"""A file of others, checked -> its receipt. The file itself stays in the folder of downloads, whatever happens here."""

from mftl.jobs import job

with job(snakemake):
    from functools import partial

    from tqdm import tqdm

    from mftl.downloads import fetch, write_receipt

    settings = snakemake.params.settings
    progress = partial(tqdm, mininterval=5.0, ascii=True)
    receipt = fetch(snakemake.wildcards.download, settings["folder"], settings["checksum"], progress)
    write_receipt(snakemake.output[0], receipt)
