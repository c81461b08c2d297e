"""What a figure is drawn from -> the figure, by the module of its kind, and the numbers drawn; see ``mftl.figures``."""

import shutil
from importlib import import_module
from pathlib import Path

from mftl.jobs import job
from mftl.plotting.style import save

with job(snakemake):
    drawing, style = snakemake.params.drawing, snakemake.params.style
    draw = import_module(drawing["module"]).draw
    table, figure = draw(dict(snakemake.input.items()), drawing["params"], style)
    if isinstance(table, Path):
        shutil.copyfile(table, snakemake.output.csv)
    else:
        table.to_csv(snakemake.output.csv, index=False)
    save(figure, snakemake.output, style)
