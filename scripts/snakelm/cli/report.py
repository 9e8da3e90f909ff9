"""`snakelm report`: recipes side by side, from the runs that are there."""

from __future__ import annotations

import argparse
from pathlib import Path

from snakelm.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    text = (
        "Compare recipes, or two states of one, by their finished runs: what changed, and what that did to the scores."
    )
    parser = subparsers.add_parser("report", help=text, description=text, allow_abbrev=False)
    parser.add_argument(
        "recipes",
        nargs="+",
        metavar="RECIPE",
        help="files of recipes; FILE@REVISION is the file as it was in a revision of git (config/a.yaml@HEAD~1). "
        "All others are compared with the first",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="the page (default: results/comparisons/<first>-<others>.html)"
    )
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    import re
    import tempfile

    from snakelm.comparison.page import contrast, write_page
    from snakelm.comparison.sides import read_side
    from snakelm.core.errors import UserError
    from snakelm.runs.store import Store

    if len(given.recipes) < 2:
        raise UserError(
            "snakelm report: name two recipes or more to compare; the report of one is made by `snakelm run`, and "
            "`snakelm plan --where` says where it is"
        )
    store = Store()
    with tempfile.TemporaryDirectory() as work:
        sides = [read_side(file, store, Path(work)) for file in given.recipes]
    contrasts = [contrast(sides[0], side) for side in sides[1:]]
    stem = "-".join(re.sub(r"[^A-Za-z0-9_.=+-]", "_", side.name) for side in sides)
    file = given.output or store.root / "comparisons" / f"{stem}.html"
    write_page(contrasts, file)
    for one in contrasts:
        print(f"{one.old} → {one.new}")
        for change in one.changes:
            print(f"  {change.key}: {change.old or 'not set'} → {change.new or 'not set'}")
        for pair in one.pairs:
            print(f"  {pair.sentence}")
    print(f"report      {file}")
