"""Show what the recipe needs: every run, its state, and for what is to be done why. Starts nothing."""

import argparse
import json
import sys

from snakelm.cli.options import command, plan_of, recipe_options
from snakelm.planning.summary import whereabouts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, parents=[recipe_options()])
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the plan as JSON, for programs: a list of runs with stage, name, id, folder, why (a list), "
        "last_seconds (null where nothing is known) and state: done, to do, interrupted at step N, not needed, or "
        "kept from other code",
    )
    parser.add_argument("--where", action="store_true", help="print only where the results are")
    given = parser.parse_args()
    plan, only = plan_of(given)
    if given.where:
        print(whereabouts(plan))
        return
    from snakelm.planning.explanation import explain

    lines = explain(plan, only)
    if given.json:
        json.dump([line.as_json() for line in lines], sys.stdout, indent=1)
        print()
        return
    from snakelm.planning.table import show

    show(lines)


if __name__ == "__main__":
    command(main)
