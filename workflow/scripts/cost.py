"""What the jobs that would run cost: tables by rule and by target, printed and written."""

import os
from pathlib import Path

from mftl.checks import load
from mftl.config.studies import complete
from mftl.cost import jobs, tables
from mftl.cost.rates import Rates
from mftl.jobs import job

with job(snakemake):
    params = snakemake.params
    config = load(complete(params.config))
    planned = jobs.planned(params.config, params.targets["counted"], params.snakefile)
    rates = Rates(config)
    found = tables.priced(config, planned, rates)
    rules, targets = tables.by_rule(found), tables.by_target(found, planned, params.targets["alone"])
    text = tables.markdown(rules, targets, rates.said(), os.cpu_count() or 1)
    folder = Path(params.folder)
    folder.mkdir(exist_ok=True)
    rules.to_csv(folder / "cost.csv", index=False)
    targets.to_csv(folder / "cost-targets.csv", index=False)
    (folder / "cost.md").write_text(text, encoding="utf-8")
    print(text)
