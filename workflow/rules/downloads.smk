# Files of others. What is fetched stays in the folder of downloads; a rule's output is only its receipt.


rule download:
    output:
        "results/downloads/{download}.json",
    log:
        "results/logs/download/{download}.log",
    wildcard_constraints:
        download=one_of(downloads.FILES),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        folder=lambda w: CONFIG.downloads.folder,
        checksum=lambda w: CONFIG.downloads.checksums.get(w.download),
        source=source_hash("download"),
    script:
        "../scripts/download.py"


rule foundation_model:
    input:
        "results/downloads/{download}.json",
    output:
        "results/foundation_models/{download}.model",
    log:
        "results/logs/foundation_model/{download}.log",
    wildcard_constraints:
        download=one_of(downloads.MODELS),
    localrule: True
    conda:
        "../../envs/mftl.yaml"
    params:
        file=lambda w: downloaded(w.download),
        source=source_hash("copy_file"),
    script:
        "../scripts/copy_file.py"
