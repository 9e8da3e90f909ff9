rule save_tokenizer:
    input:
        snakelm.inputs("save_tokenizer"),
    output:
        update("results/save_tokenizer/{run}/manifest.json"),
    log:
        "results/logs/save_tokenizer/{run}.log",
    priority: snakelm.priority("save_tokenizer")
    conda:
        snakelm.environment
    threads: snakelm.threads("save_tokenizer")
    resources:
        **snakelm.resources("save_tokenizer"),
    shell:
        snakelm.command("save_tokenizer")
