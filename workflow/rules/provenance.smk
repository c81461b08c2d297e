# How results were made, from the record that lies beside each.


# Has no output, so it runs whenever it is asked for: `snakemake provenance` tells of what is there now.
rule provenance:
    log:
        "results/logs/provenance.log",
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        folder="results",
        source=source_hash("collect_provenance"),
    script:
        "../scripts/collect_provenance.py"
