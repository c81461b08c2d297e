"""Labels at two levels and a model -> relative energies and forces of the three, structure by structure."""

from mftl.batches import Limit
from mftl.comparison import compared, table
from mftl.datasets import read_sets
from mftl.inputs import InputError
from mftl.jobs import job
from mftl.models import fix_numerics, load_model
from mftl.prediction import predict
from mftl.structures import ENERGY, FORCES, Structures

with job(snakemake):
    fix_numerics()
    params = snakemake.params
    high, low = (Structures.labelled(path) for path in (snakemake.input.reference, snakemake.input.level))
    # a model that was trained on the system is compared on its test set alone
    split = snakemake.input.get("split")
    chosen = [one for one in (read_sets(split)["test"] if split else high.ids) if one in high and one in low]
    if not chosen:
        raise InputError(f"{snakemake.input.reference} and {snakemake.input.level} have no structure in common")
    structures, lower = ([file[one] for one in chosen] for file in (high, low))
    model = load_model(snakemake.input.model, head=params.head)
    energies, forces = predict(model, structures, Limit(**params.limit), params.device)
    data = compared(
        structures,
        [[atoms.info[ENERGY] for atoms in structures], energies, [atoms.info[ENERGY] for atoms in lower]],
        [
            [atoms.arrays[FORCES] for atoms in structures] if high.has_forces else None,
            forces,
            [atoms.arrays[FORCES] for atoms in lower] if low.has_forces else None,
        ],
    )
    data.save(snakemake.output.data)
    table(data).to_csv(snakemake.output.structures, index=False)
