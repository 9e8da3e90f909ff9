import sys

sys.path.insert(0, f"{workflow.basedir}/scripts")

from snakelm.workflow.rules import Workflow

snakelm = Workflow(workflow)


wildcard_constraints:
    run="[A-Za-z0-9][A-Za-z0-9_.=+-]*-[0-9a-f]{12}",


localrules:
    all,


include: "workflow/rules/fetch_corpus.smk"
include: "workflow/rules/train_tokenizer.smk"
include: "workflow/rules/save_tokenizer.smk"
include: "workflow/rules/encode_corpus.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        snakelm.targets,


onstart:
    snakelm.start()


onsuccess:
    snakelm.finish()
