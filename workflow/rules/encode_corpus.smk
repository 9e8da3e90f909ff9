rule encode_corpus:
    input:
        snakelm.inputs("encode_corpus"),
    output:
        update("results/encode_corpus/{run}/manifest.json"),
    log:
        "results/logs/encode_corpus/{run}.log",
    priority: snakelm.priority("encode_corpus")
    conda:
        snakelm.environment
    threads: snakelm.threads("encode_corpus")
    resources:
        **snakelm.resources("encode_corpus"),
    shell:
        snakelm.command("encode_corpus")
