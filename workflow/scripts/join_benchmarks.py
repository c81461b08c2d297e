"""Tables of all benchmarks -> one, as CSV and as Markdown."""

from pathlib import Path

import pandas as pd

from mftl.jobs import job

with job(snakemake):
    table = pd.concat([pd.read_csv(path) for path in snakemake.input], ignore_index=True)
    table.to_csv(snakemake.output.csv, index=False)
    lines = ["| subject | what | median | lowest | highest | unit |", "|---|---|---|---|---|---|"]
    for row in table.itertuples():
        numbers = ("" if pd.isna(value) else f"{value:.4g}" for value in (row.median, row.low, row.high))
        lines.append(
            f"| {row.subject} | {row.what} | {' | '.join(numbers)} | {'' if pd.isna(row.unit) else row.unit} |"
        )
    Path(snakemake.output.md).write_text("\n".join(lines) + "\n", encoding="utf-8")
