"""The entry point of the command `snakelm`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from snakelm.cli import adopt, docs, gc, lock, plan, predict, publish, report, run, status, verify
from snakelm.core.errors import UserError

SUBCOMMANDS = (run, plan, status, report, predict, verify, gc, adopt, publish, docs, lock)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a subcommand and end the process with its exit code; a UserError becomes its lines and exit code 1."""
    parser = build_parser()
    given, rest = parser.parse_known_args(arguments)
    if rest and not given.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    given.rest = rest
    try:
        sys.exit(given.function(given) or 0)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; building it reads no recipe and imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="snakelm",
        description="Train language models from scratch and fine-tune them, as a recipe says.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('snakelm')}")
    parser.set_defaults(passes_on=False)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for subcommand in SUBCOMMANDS:
        subcommand.add_parser(subparsers)
    return parser


if __name__ == "__main__":
    main()
