"""Every touch of Snakemake's internals and of its command line: what a new release of Snakemake can break is here.

Snakemake hands a Snakefile the object `workflow`, which is not a public interface. Its command line is read from
sys.argv, since Snakemake drops all but the last of an option that is given twice. Importing this module is cheap:
Snakemake itself is imported where it is needed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError

ASKS = {"--lint", "--dag", "--rulegraph", "--summary", "--report", "--unlock"}
DRY = {"--dry-run", "--dryrun", *ASKS}


class Host:
    """The Snakemake process that reads our Snakefile, as the main workflow or as a module of another one."""

    def __init__(self, workflow: Any):
        self._workflow = workflow
        self._modifier = workflow.modifier  # of the Snakefile being read; another one's once the DAG is built

    @property
    def plans(self) -> bool:
        """Whether this process schedules jobs; False in the Snakemake that a cluster job starts for itself."""
        return bool(self._workflow.is_main_process)

    @property
    def is_module(self) -> bool:
        """Whether another workflow uses ours by `module:`. Snakemake calls no handler (onstart, …) of a module."""
        return not self._modifier.is_main_snakefile()

    @property
    def is_forced(self) -> bool:
        """Whether the command line forces rules or files (--forcerun)."""
        return bool(self._workflow.dag_settings.forcerun)

    def recipe(self) -> tuple[list[str], dict[str, Any], str | None]:
        """Recipe files, overrides, and the module's name where its `config:` holds the recipe (then without files).

        A module that is given no config uses the recipe of the command line, as the main workflow does.
        """
        if self.is_module and self._workflow.config:
            return [], dict(self._workflow.config), str(self._modifier.namespace)
        settings = self._workflow.config_settings
        return *given_recipe(settings.configfiles, settings.config, sys.argv[1:]), None

    def path(self, path: str) -> str:
        """Where a path of ours is: a module may have a `prefix:` or `replace_prefix:`."""
        return str(self._modifier.path_modifier.replace_prefix(path))

    def inputs(self, paths: Sequence[str], ancient: bool) -> list[str]:
        """Input files whose paths are final; ancient: their time stamps mean nothing."""
        from snakemake.io import ancient as flag_ancient
        from snakemake.io import flag
        from snakemake.path_modifier import PATH_MODIFIER_FLAG

        found = [flag_ancient(path) if ancient else path for path in paths]
        return [flag(path, PATH_MODIFIER_FLAG) for path in found] if self.is_module else found

    def keep_room(self) -> None:
        """Let no job take the cores that one of a higher priority waits for (`first_things`); as jobs are started."""
        scheduler = self._workflow.scheduler
        select = scheduler._job_selector

        def selected(ready: Sequence[Any], remaining: Any, free: Mapping[str, Any], sizes: Any) -> Any:
            chosen = first_things(ready, scheduler.running, free)
            return select(chosen, remaining, free, sizes) if chosen else []  # of none it makes an error

        scheduler._job_selector = selected

    def unlock(self) -> None:
        """What Snakemake does when it ends; for a process that ends before."""
        self._workflow.persistence.unlock()


def first_things(ready: Sequence[Any], running: Iterable[Any], free: Mapping[str, Any]) -> list[Any]:
    """The ready jobs that fit into what is free, without those that would keep a more urgent one from its cores.

    A job of many threads that does not fit into what is free would else wait for as long as there are narrow jobs:
    whenever a core is free, the next of them takes it. So while it only waits for less urgent jobs to end, no further
    one of those is started. Where it waits for equals too, they may go on filling the gaps.

    ready, running: Snakemake's jobs; free: resource → how much of it is free.
    """

    def fits(job: Any, room: Mapping[str, Any]) -> bool:
        asked = job.scheduler_resources
        return all(asked.get(name, 0) <= left for name, left in room.items() if isinstance(left, int))

    def with_less_urgent(job: Any) -> dict[str, Any]:
        others = [other.scheduler_resources for other in running if other.priority < job.priority]
        return {
            name: left + sum(other.get(name, 0) for other in others) if isinstance(left, int) else left
            for name, left in free.items()
        }

    waiting = [job.priority for job in ready if not fits(job, free) and fits(job, with_less_urgent(job))]
    return [job for job in ready if fits(job, free) and job.priority >= max(waiting, default=job.priority)]


def recipe_options() -> argparse.ArgumentParser:
    """A parser of --configfile and --config, as Snakemake writes them, to be a parent of others."""
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
    """What stands after --config, read as Snakemake reads it; UserError where it cannot be."""
    if not entries:
        return {}
    from snakemake.cli import parse_config

    try:
        return dict(parse_config(entries))
    except ValueError as error:
        raise UserError(f"--config {' '.join(entries)}: {error}") from None


def given_recipe(
    configfiles: Sequence[Any], config: dict[str, Any], arguments: list[str]
) -> tuple[list[str], dict[str, Any]]:
    """The recipe's files and overrides. Of an option that stands twice Snakemake takes the last one only, without a
    word; here all of them count, in order.

    configfiles, config: as Snakemake understood its command line `arguments`.
    """
    files, overrides = [str(file) for file in configfiles], dict(config)
    given, _ = recipe_options().parse_known_args(arguments)
    names = [str(Path(name)) for name in given.configfile]
    if files and names and files[-1].endswith(names[-1]):  # else they come from a profile or another program
        start = files[-1].removesuffix(names[-1])  # Snakemake may have changed the folder since
        files = [os.path.join(start, name) for name in names]
    if given.config:
        overrides |= parse_overrides(given.config)
    return files, overrides


def is_dry(arguments: Sequence[str] | None = None) -> bool:
    """Whether Snakemake was asked for something other than to run; short options may be written together (-np)."""
    given = sys.argv[1:] if arguments is None else arguments
    return any(argument in DRY or re.fullmatch(r"-[A-Za-z]*n[A-Za-z]*", argument) for argument in given)


def asks_only() -> bool:
    """Whether Snakemake was asked for something that is no run and no rehearsal of one: --unlock, --report, …."""
    return any(argument in ASKS for argument in sys.argv[1:])


def working_directory(arguments: Sequence[str]) -> Path:
    """The folder that Snakemake works in (-d, --directory)."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-d", "--directory", type=Path, default=Path())
    return Path(parser.parse_known_args(arguments)[0].directory)


def is_quiet(arguments: Sequence[str] | None = None) -> bool:
    """Whether Snakemake was asked to be quiet."""
    given = sys.argv[1:] if arguments is None else arguments
    return any(argument in ("--quiet", "-q") or argument.startswith("--quiet=") for argument in given)
