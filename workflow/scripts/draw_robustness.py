"""Tables of tests -> a figure with a panel and a verdict for each question."""

from mftl.jobs import job
from mftl.plotting.robustness import plot
from mftl.plotting.style import save
from mftl.robustness.verdicts import answers, read

with job(snakemake):
    inputs, params = dict(snakemake.input.items()), snakemake.params
    found = answers(inputs, params.settings)
    tables = {name.replace("_", "-"): read(path) for name, path in inputs.items()}
    save(plot(found, tables, params.settings, params.style), snakemake.output, params.style)
