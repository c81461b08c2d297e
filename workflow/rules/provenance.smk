# How results were made, from the record that lies beside each, and what to cite for a figure.


rule cite:
    input:
        figure="results/{figure}.pdf",
        bibliography="resources/citations.bib",
    output:
        "results/{figure}.bib",
    log:
        "results/logs/cite/{figure}.log",
    wildcard_constraints:
        figure=one_of(FIGURES),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        source=source_hash("cite"),
    script:
        "../scripts/cite.py"


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
