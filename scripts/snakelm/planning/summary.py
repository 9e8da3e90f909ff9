"""Where the results of a recipe are, in a few lines for people."""

from __future__ import annotations

import os

from snakelm.planning.plan import Plan, PlannedRun
from snakelm.runs.store import read_manifest

MOST_ANSWERS = 12


def whereabouts(plan: Plan) -> str:
    """Where the report, the models and the tokenizers of this recipe are, and what is left to do."""
    root, lines = plan.store.root, []
    for run in plan.of("report"):
        if os.path.exists(run.manifest):
            lines += _answers(run)
            lines += [f"report      {root}/report.html", f"metrics     {root}/metrics.tsv, {root}/summary.tsv"]
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


def _answers(report: PlannedRun) -> list[str]:
    """What the report says of each task, in a sentence; the first ones of many."""
    try:
        answers = read_manifest(report.folder).headline.get("answers", [])
    except (OSError, ValueError):
        return []
    more = len(answers) - MOST_ANSWERS
    return [*answers[:MOST_ANSWERS], *([f"\u2026 and {more} more in the report"] if more > 0 else [])]
