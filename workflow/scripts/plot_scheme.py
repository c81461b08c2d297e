"""Draw transfer between levels of theory or between elements; what is drawn goes into a table."""

from mftl.jobs import job
from mftl.plotting import element_scheme, scheme
from mftl.plotting.style import save

with job(snakemake):
    params = snakemake.params
    drawing = {"levels": scheme, "elements": element_scheme}[params.drawing]
    table = drawing.drawn()
    table.to_csv(snakemake.output.csv, index=False)
    save(drawing.plot(table, params.looks, params.style, params.title), snakemake.output, params.style)
