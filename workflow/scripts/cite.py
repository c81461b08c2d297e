"""The record of a figure -> BibTeX of what the figure rests on."""

from pathlib import Path

from mftl.citations import bibliography
from mftl.inputs import InputError
from mftl.jobs import job
from mftl.provenance import Records

with job(snakemake):
    figure, known = snakemake.input.figure, Path(snakemake.input.bibliography).read_text(encoding="utf-8")
    record = Records().of(figure)
    if record is None:
        raise InputError(f"there is no record of how {figure} was made; remove it and call again to have it made anew")
    Path(snakemake.output[0]).write_text(bibliography(record["cite"], known, record["cite_yourself"]), encoding="utf-8")
