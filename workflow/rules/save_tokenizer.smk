rule save_tokenizer:
    input:
        snakelm.inputs("save_tokenizer"),
    output:
        update("results/save_tokenizer/{run}/manifest.json"),
    log:
        "results/logs/save_tokenizer/{run}.log",
    conda:
        snakelm.environment
    priority: snakelm.priority("save_tokenizer")
    threads: snakelm.threads("save_tokenizer")
    resources:
        **snakelm.resources("save_tokenizer"),
    shell:
        snakelm.command("save_tokenizer")
