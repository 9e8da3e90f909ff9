"""What subcommands share: the recipe that they are about."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from snakelm.workflow.snakemake_api import parse_overrides

if TYPE_CHECKING:
    from snakelm.planning.plan import Plan
    from snakelm.runs.store import Store

Subparsers = Any  # argparse's own type is private
"""What `ArgumentParser.add_subparsers` returns."""


def plan_of(given: argparse.Namespace, store: Store | None = None, looks_at_data: bool = False) -> tuple[Plan, Any]:
    """The plan of the recipe that --configfile and --config name, and what `--config only=…` says (None without).

    looks_at_data: whether what the jobs would refuse is looked for now.
    """
    from snakelm.planning.inspection import Inspection
    from snakelm.planning.plan import FINISHED
    from snakelm.runs.store import Store
    from snakelm.workflow.rules import read_plan

    overrides = parse_overrides(given.config)
    only = overrides.pop("only", None)
    files = [str(file) for file in given.configfile]
    inspect = Inspection(only) if looks_at_data else None
    return read_plan(files, overrides, store or Store(), only_finished=only == FINISHED, inspect=inspect), only


def recipe_arguments(given: argparse.Namespace) -> list[str]:
    """The options by which another command is told of the same recipe; `only=` is left out."""
    files = [str(file) for file in given.configfile]
    overrides = [entry for entry in given.config if not entry.startswith("only=")]
    return [*(["--configfile", *files] if files else []), *(["--config", *overrides] if overrides else [])]
