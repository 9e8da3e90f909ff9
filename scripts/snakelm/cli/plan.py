"""`snakelm plan`: every run that the recipe needs, its state, and why it is to be made."""

from __future__ import annotations

import argparse

from snakelm.cli.options import Subparsers, plan_of
from snakelm.workflow.snakemake_api import recipe_options


def add_parser(subparsers: Subparsers) -> None:
    text = "Show every run that the recipe needs, its state, and why it is to be made. Starts nothing."
    parser = subparsers.add_parser("plan", help=text, description=text, parents=[recipe_options()], allow_abbrev=False)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the plan as JSON, for programs: a list of runs with stage, name, id, folder, why (a list), "
        "last_seconds (null where nothing is known) and state: done, to do, interrupted at step N, not needed, or "
        "kept from other code",
    )
    parser.add_argument("--where", action="store_true", help="print only where the results are")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    plan, only = plan_of(given, looks_at_data=not given.where)
    if given.where:
        from snakelm.planning.summary import whereabouts

        print(whereabouts(plan))
        return
    from snakelm.planning.explanation import explain

    lines = explain(plan, only)
    if given.json:
        import json

        print(json.dumps([line.as_json() for line in lines], indent=1))
        return
    from snakelm.planning.table import show

    show(lines)
