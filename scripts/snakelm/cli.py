"""What the recipe's own commands (plan, gc, adopt) share: reading a recipe, and trouble in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from .errors import UserError
from .plan import Plan
from .store import Store
from .workflow import read_plan


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """--configfile and --config, meaning what they mean to snakemake."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        action="extend",
        default=[],
        help="recipe, or several merged in order (default: config/config.yaml)",
    )
    parser.add_argument(
        "--config", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="keys of the recipe to override"
    )


def plan_of(given: argparse.Namespace) -> Plan:
    from snakemake.cli import parse_config

    overrides: dict[str, Any] = parse_config(given.config) if given.config else {}
    overrides.pop("only", None)
    return read_plan([str(file) for file in given.configfile], overrides, Store())


def command(function: Callable[[], int | None]) -> None:
    """Run a command; UserError becomes its lines and exit code 1."""
    try:
        sys.exit(function() or 0)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
