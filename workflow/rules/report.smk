rule report:
    input:
        snakelm.inputs("report"),
    output:
        update("results/report/{run}/manifest.json"),
    log:
        "results/logs/report/{run}.log",
    conda:
        snakelm.environment
    priority: snakelm.priority("report")
    threads: snakelm.threads("report")
    resources:
        **snakelm.resources("report"),
    shell:
        snakelm.command("report")
