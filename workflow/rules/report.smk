rule report:
    input:
        snakelm.inputs("report"),
    output:
        manifest=update("results/report/{run}/manifest.json"),
        page=report(
            update("results/report/{run}/report.html"),
            caption="../report/page.rst",
            category="Results",
            labels={"recipe": "{run}"},
        ),
    log:
        "results/logs/report/{run}.log",
    priority: snakelm.priority("report")
    conda:
        snakelm.environment
    threads: snakelm.threads("report")
    resources:
        **snakelm.resources("report"),
    shell:
        snakelm.command("report", "output.manifest")
