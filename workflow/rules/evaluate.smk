rule evaluate:
    input:
        snakelm.inputs("evaluate"),
    output:
        update("results/evaluate/{run}/manifest.json"),
    log:
        "results/logs/evaluate/{run}.log",
    conda:
        snakelm.environment
    priority: snakelm.priority("evaluate")
    threads: snakelm.threads("evaluate")
    resources:
        **snakelm.resources("evaluate"),
    shell:
        snakelm.command("evaluate")
