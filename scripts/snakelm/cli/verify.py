"""`snakelm verify`: hold the files of finished runs against the sha256 in their manifests."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from snakelm.cli.options import Subparsers, recipe_arguments
from snakelm.workflow.snakemake_api import recipe_options

if TYPE_CHECKING:
    from snakelm.maintenance.verification import Checked
    from snakelm.planning.plan import Plan
    from snakelm.runs.store import Store

DESCRIPTION = """\
Read every file of the finished runs in results/, or of those named, and hold it against the sha256 in its manifest.
Names what is damaged or missing, with the command that makes it again. Changes nothing; the exit code is 1 when
something is wrong.

  snakelm verify
  snakelm verify pretrain:tiny 'finetune:tiny.*' --configfile config/mine.yaml
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="Hold the files of finished runs against their manifests; name what is damaged or missing.",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[recipe_options()],
        allow_abbrev=False,
    )
    parser.add_argument("names", nargs="*", metavar="STAGE:NAME", help="runs; * is a wildcard (default: all)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, for programs: a list of runs with stage, name, id, folder, files, bytes, problems (a list, "
        "empty for a run that is whole) and remedy (a command, or empty)",
    )
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> int:
    from snakelm.core import console
    from snakelm.core.errors import UserError
    from snakelm.maintenance.verification import called, check, found_runs, with_remedy
    from snakelm.runs.store import Store

    console.set_up("verify", None)
    store = Store(restores=False)  # which looks without putting anything right
    runs = found_runs(store)
    plan, why = None, ""
    if given.names:
        plan, why = _plan(given, store)
        try:
            runs = called(runs, given.names, plan)
        except UserError as error:
            raise UserError(*error.lines, *([f"(names of the recipe are not known: {why})"] if why else [])) from None
    checked = []
    with console.Progress("read", sum(run.bytes for run in runs) / 1e6, "MB") as bar:
        for run in runs:
            checked.append(check(run, lambda count: bar.advance(count / 1e6)))
    if any(one.problems for one in checked):
        if plan is None and not why:
            plan, why = _plan(given, store)
        arguments = recipe_arguments(given)
        checked = [
            replace(one, remedy=with_remedy(run, one, plan, arguments)) if one.problems else one
            for run, one in zip(runs, checked, strict=True)
        ]
    if given.json:
        import json

        print(json.dumps([one.as_json() for one in checked], indent=1))
    else:
        _show(checked, why)
    return int(any(one.problems for one in checked))


def _plan(given: argparse.Namespace, store: Store) -> tuple[Plan | None, str]:
    """The plan of the recipe, which alone knows how to make a run again; else why there is none."""
    from snakelm.cli.options import plan_of
    from snakelm.core.errors import UserError

    try:
        return plan_of(given, store)[0], ""
    except UserError as error:
        return None, error.lines[0]


def _show(checked: list[Checked], why: str) -> None:
    from snakelm.cli.gc import size

    damaged = [one for one in checked if one.problems]
    for one in damaged:
        print(f"{one.stage} {one.name}  {one.folder}")
        for problem in one.problems:
            print(f"  {problem}")
        if one.remedy:
            print(f"  $ {one.remedy}")
        else:
            reason = f"the recipe cannot be read: {why}" if why else "the given recipe does not ask for this run"
            print(f"  ({reason}; name the recipe that does with --configfile, and the command is shown)")
    total = f"{len(checked)} runs, {sum(one.files for one in checked)} files, {size(sum(one.bytes for one in checked))}"
    print(
        f"{total}: " + (f"{len(damaged)} with damage, {len(checked) - len(damaged)} whole" if damaged else "all whole")
    )
