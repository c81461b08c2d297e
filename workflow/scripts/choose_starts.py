"""Structures that the simulations of a protocol start from, with the bonds that must hold in them -> one file."""

from mftl.datasets import read_sets
from mftl.dynamics.starts import choose, crystal, reference_bonds, write_starts
from mftl.jobs import job
from mftl.structures import Structures

with job(snakemake):
    starts = snakemake.params.starts
    if starts["crystal"]:
        pool = []
        chosen = [crystal(**starts["crystal"])]
    else:
        pool = Structures(snakemake.input.pool)
        ids = read_sets(snakemake.input.split)[starts["set"]] if starts["set"] != "all" else None
        chosen = choose(pool, ids, starts["structures"], starts["only"], f"dynamics.{snakemake.wildcards.protocol}")
    chosen = [atoms.repeat(starts["repeat"]) if starts["repeat"] != [1, 1, 1] else atoms for atoms in chosen]
    bonds = None
    if snakemake.params.bonds:
        known = list(pool)
        bonds = [reference_bonds(atoms, known) for atoms in chosen]
    write_starts(snakemake.output[0], chosen, bonds)
