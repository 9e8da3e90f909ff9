rule train_tokenizer:
    input:
        snakelm.inputs("train_tokenizer"),
    output:
        update("results/train_tokenizer/{run}/manifest.json"),
    log:
        "results/logs/train_tokenizer/{run}.log",
    priority: snakelm.priority("train_tokenizer")
    conda:
        snakelm.environment
    threads: snakelm.threads("train_tokenizer")
    resources:
        **snakelm.resources("train_tokenizer"),
    shell:
        snakelm.command("train_tokenizer")
