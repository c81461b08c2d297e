"""Label a random sample of the data that ships again and compare."""

from mftl.jobs import job

with job(snakemake):
    from pathlib import Path

    import yaml

    from mftl.config.labels import Verification
    from mftl.config.studies import complete
    from mftl.config.whole import parse
    from mftl.verification import check, verify

    shipped, made = (
        parse(complete(yaml.safe_load(Path(path).read_text(encoding="utf-8"))))
        for path in (snakemake.input.shipped, snakemake.input.made)
    )
    table = verify(
        shipped,
        made,
        made.labels.model_copy(update={"workers": snakemake.threads, "timeout": snakemake.params.timeout}),
        Verification(**snakemake.params.sample),
        Path(snakemake.output[0]).with_suffix(""),
    )
    table.to_csv(snakemake.output[0], index=False)
    print(table.to_string(index=False))
    check(table)
