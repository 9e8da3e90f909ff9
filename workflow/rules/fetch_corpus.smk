rule fetch_corpus:
    input:
        snakelm.inputs("fetch_corpus"),
    output:
        update("results/fetch_corpus/{run}/manifest.json"),
    log:
        "results/logs/fetch_corpus/{run}.log",
    priority: snakelm.priority("fetch_corpus")
    conda:
        snakelm.environment
    threads: snakelm.threads("fetch_corpus")
    resources:
        **snakelm.resources("fetch_corpus"),
    shell:
        snakelm.command("fetch_corpus")
