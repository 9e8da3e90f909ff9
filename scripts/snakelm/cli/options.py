"""What the recipe's own commands (plan, gc, adopt) share: reading a recipe, and trouble in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from snakelm.core.errors import UserError
from snakelm.planning.plan import Plan
from snakelm.runs.store import Store
from snakelm.workflow.rules import read_plan


def recipe_options() -> argparse.ArgumentParser:
    """A parser of --configfile and --config, as snakemake writes them, to be a parent of others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--configfile",
        "--configfiles",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="recipe, or several merged in order (default: config/config.yaml)",
    )
    parser.add_argument(
        "--config",
        "-C",
        nargs="*",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="keys of the recipe to override",
    )
    return parser


def parse_overrides(entries: list[str]) -> dict[str, Any]:
    """What stands after --config, read as Snakemake reads it."""
    if not entries:
        return {}
    from snakemake.cli import parse_config

    try:
        return parse_config(entries)  # type: ignore[no-any-return]
    except ValueError as error:
        raise UserError(f"--config {' '.join(entries)}: {error}") from None


def plan_of(given: argparse.Namespace) -> tuple[Plan, Any]:
    """The recipe's plan, and what `--config only=…` says (None where it does not)."""
    overrides = parse_overrides(given.config)
    only = overrides.pop("only", None)
    return read_plan([str(file) for file in given.configfile], overrides, Store()), only


def command(function: Callable[[], int | None]) -> None:
    """Run a command; UserError becomes its lines and exit code 1."""
    try:
        sys.exit(function() or 0)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
