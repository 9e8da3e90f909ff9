rule evaluate:
    input:
        snakelm.inputs("evaluate"),
    output:
        update("results/evaluate/{run}/manifest.json"),
    log:
        "results/logs/evaluate/{run}.log",
    priority: snakelm.priority("evaluate")
    conda:
        snakelm.environment
    threads: snakelm.threads("evaluate")
    resources:
        **snakelm.resources("evaluate"),
    shell:
        snakelm.command("evaluate")
