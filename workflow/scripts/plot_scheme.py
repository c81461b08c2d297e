"""Draw transfer between levels of theory beside transfer in configuration space; what is drawn goes into a table."""

from mftl.jobs import job
from mftl.plotting.scheme import drawn, plot
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    table = drawn()
    table.to_csv(snakemake.output.csv, index=False)
    save(plot(table, params.looks, params.style, params.title), snakemake.output, params.style)
