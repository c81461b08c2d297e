"""All figures -> one file, a page for each."""

from pypdf import PdfWriter

from mftl.jobs import job

with job(snakemake):
    writer = PdfWriter()
    for path in snakemake.input:
        writer.append(path)
    writer.metadata = None
    writer.write(snakemake.output[0])
