"""What became of a figure's simulations -> a table of how many are stable, beside what a paper found."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.stability import beside, draw_table
from mftl.plotting.style import save
from mftl.stability import summarise

with job(snakemake):
    params = snakemake.params
    table = beside(summarise(pd.read_csv(snakemake.input[0]), params.labels), params.published)
    table.to_csv(snakemake.output.csv, index=False)
    figure = draw_table(table, params.panels, params.published["of"], params.style, params.title)
    save(figure, snakemake.output, params.style)
