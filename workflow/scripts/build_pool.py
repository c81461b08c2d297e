"""Build the pool of a system: read its file, or generate its structures."""

from mftl.jobs import job

with job(snakemake):
    from tqdm import tqdm

    from mftl import pools
    from mftl.structures import write_structures
    from mftl.systems import build_pool

    system = snakemake.params.system
    pool = pools.pool(system["pool"])
    write_structures(snakemake.output[0], build_pool(pool, system["elements"], progress=tqdm))
