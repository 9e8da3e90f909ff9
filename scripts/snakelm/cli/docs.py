"""`snakelm docs`: config/README.md and workflow/schemas from the config models."""

from __future__ import annotations

import argparse

from snakelm.cli.checkout import checkout
from snakelm.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    text = "Write config/README.md and workflow/schemas of this checkout from the config models."
    parser = subparsers.add_parser("docs", help=text, description=text, allow_abbrev=False)
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    from snakelm.recipe.docs import write

    write(checkout("docs"))
