"""What the paper claims and the points of our figures -> the paper's numbers beside ours."""

from mftl import points
from mftl.claims import compare, read_claims
from mftl.config.base import study
from mftl.jobs import job

with job(snakemake):
    claims = [one for one in read_claims(snakemake.input.claims) if study(one.figure) == snakemake.wildcards.study]
    tables = dict(zip(snakemake.params.figures, map(points.read, snakemake.input.tables), strict=True))
    result = compare(claims, tables, snakemake.params.scale)
    result.to_csv(snakemake.output[0], index=False, float_format="%.6g")
    print(result.to_string(index=False))
