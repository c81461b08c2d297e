"""Tables of points -> how good forecasts of their curves would have been: the record, and the same for readers."""

from pathlib import Path

from mftl.forecast import hold_out, markdown, read_curves
from mftl.jobs import job

with job(snakemake):
    settings = snakemake.params.settings
    record = hold_out(read_curves(snakemake.input, settings["curves"]), settings["scratch"])
    record.to_csv(snakemake.output.csv, index=False, float_format="%.6g")
    Path(snakemake.output.md).write_text(markdown(record), encoding="utf-8")
