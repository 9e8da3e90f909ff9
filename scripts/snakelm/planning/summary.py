"""Where the results of a recipe are, in a few lines for people."""

from __future__ import annotations

import os

from snakelm.planning.plan import Plan


def whereabouts(plan: Plan) -> str:
    """Where the report, the models and the tokenizers of this recipe are, and what is left to do."""
    root, lines = plan.store.root, []
    if any(os.path.exists(run.manifest) for run in plan.of("report")):
        lines += [f"report      {root}/report.html", f"metrics     {root}/metrics.tsv"]
    for stage, label in (("pretrain", "model"), ("save_tokenizer", "tokenizer")):
        for run in filter(lambda run: run.is_wanted, plan.of(stage)):
            state = "" if os.path.exists(run.manifest) else "  (not made yet)"
            for name in run.names:
                alias = f"  (= {run.name})" if name != run.name else ""
                lines.append(f"{label:<11} {root}/latest/{stage}/{name}{alias}{state}")
    if tuned := plan.of("finetune"):
        lines.append(f"fine-tuned  {root}/latest/finetune/  ({len(tuned)} models)")
    if left := sum(not os.path.exists(run.manifest) for run in plan.runs.values()):
        lines.append(f"left to do  {left} runs; `snakelm plan` lists them")
    return "\n".join(lines)
