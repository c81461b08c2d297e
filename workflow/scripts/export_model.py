"""All models of a curve and their predictions -> the best one by validation, for ASE and LAMMPS, with its committee."""

import shutil
from pathlib import Path

from mftl.citations import bibliography
from mftl.committees import calibrated
from mftl.errors import error_table
from mftl.export import card, write_card, write_committee, write_for_ase, write_for_lammps
from mftl.jobs import job
from mftl.provenance import Records
from mftl.selection import best_model

with job(snakemake):
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    curve, folder = snakemake.wildcards.curve, Path(outputs.model).parent
    position, trained = best_model(inputs.cards)
    model = write_for_ase(inputs.models[position], outputs.model)
    files = write_for_lammps(outputs.model)
    members = write_committee(inputs.models, inputs.cards, trained["recipe"], folder / "committee")
    calibrated(members, inputs.predictions, trained["recipe"]).write(folder / "committee")
    record = Records().of(inputs.models[position]) or {"cite": [], "cite_yourself": []}
    errors = error_table(curve, {curve: Path(inputs.predictions)})
    write_card(
        folder,
        card(trained, model, errors, params.data, files, record["cite"]) | {"committee": len(members)},
        params.difference,
    )
    shutil.copyfile(inputs.cards[position], outputs.training)
    known = Path(inputs.bibliography).read_text(encoding="utf-8")
    Path(outputs.cite).write_text(bibliography(record["cite"], known, record["cite_yourself"]), encoding="utf-8")
