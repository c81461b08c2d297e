"""Fetch the published Slater-Koster tables of PTBP."""

from mftl.jobs import job

with job(snakemake):
    from mftl.slater_koster import download

    download(snakemake.output[0], snakemake.params.by_hand)
