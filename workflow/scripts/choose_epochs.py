"""Models fine-tuned from several snapshots of one pre-training -> that with the lowest validation error, its card."""

import json
import shutil
from pathlib import Path

from mftl.jobs import job
from mftl.selection import chosen_card

with job(snakemake):
    position, card = chosen_card(snakemake.input.cards, snakemake.params.epochs, snakemake.wildcards.recipe)
    Path(snakemake.output.card).write_text(json.dumps(card, indent=1), encoding="utf-8")
    shutil.copyfile(snakemake.input.models[position], snakemake.output.model)
