"""The numbers of an advice -> its figure: learning curves of the pilot, and what more labels are expected to bring."""

import pandas as pd

from mftl.jobs import job
from mftl.plotting.advice import plot
from mftl.plotting.style import save

with job(snakemake):
    drawing, style = snakemake.params.drawing, snakemake.params.style
    save(plot(pd.read_csv(snakemake.input[0]), drawing["looks"], drawing["xlabel"], style), snakemake.output, style)
