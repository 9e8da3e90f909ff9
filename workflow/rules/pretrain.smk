rule pretrain:
    input:
        snakelm.inputs("pretrain"),
    output:
        update("results/pretrain/{run}/manifest.json"),
    log:
        "results/logs/pretrain/{run}.log",
    priority: snakelm.priority("pretrain")
    conda:
        snakelm.environment
    threads: snakelm.threads("pretrain")
    resources:
        **snakelm.resources("pretrain"),
    shell:
        snakelm.command("pretrain")
