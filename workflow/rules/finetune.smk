# One job for each model, task and init; its seeds run in one process, each its own run.
rule finetune:
    input:
        snakelm.inputs("finetune"),
    output:
        update("results/finetune/cells/{run}.json"),
    log:
        "results/logs/finetune/{run}.log",
    priority: snakelm.priority("finetune")
    conda:
        snakelm.environment
    threads: snakelm.threads("finetune")
    resources:
        **snakelm.resources("finetune"),
    shell:
        snakelm.command("finetune")
