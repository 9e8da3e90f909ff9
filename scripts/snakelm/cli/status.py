"""`snakelm status`: how far the recipe is, a line for each stage."""

from __future__ import annotations

import argparse
from collections import Counter

from snakelm.cli.options import Subparsers, plan_of
from snakelm.workflow.snakemake_api import recipe_options


def add_parser(subparsers: Subparsers) -> None:
    text = "Show how far the recipe is: what is done, running, interrupted and to do, by stage."
    parser = subparsers.add_parser(
        "status", help=text, description=text, parents=[recipe_options()], allow_abbrev=False
    )
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    from snakelm.maintenance.garbage import held
    from snakelm.planning.explanation import DONE, KEPT, NOT_NEEDED, TO_DO, explain
    from snakelm.runs.stages import STAGES

    plan, only = plan_of(given)
    working = set(held(plan.store))
    counts: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    named: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for line in explain(plan, only):
        state = "running" if (line.stage, line.id) in working and line.state not in (DONE, KEPT) else line.state
        if state not in (DONE, KEPT, NOT_NEEDED, TO_DO):
            named[line.stage].append(f"{line.name}: {state}")
        counts[line.stage][state.partition(" at step")[0]] += 1
    order = (DONE, KEPT, "running", "interrupted", TO_DO, NOT_NEEDED)
    for stage in filter(counts.get, STAGES):
        print(f"{stage:<16} " + ", ".join(f"{counts[stage][state]} {state}" for state in order if counts[stage][state]))
        for text in named[stage]:
            print(f"  {text}")
