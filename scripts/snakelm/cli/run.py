"""`snakelm run`: Snakemake with the recipe, then where the results are."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from snakelm.cli.checkout import checkout
from snakelm.cli.options import Subparsers, plan_of
from snakelm.core.errors import UserError
from snakelm.workflow.snakemake_api import is_dry, is_quiet, recipe_options, working_directory

DESCRIPTION = """\
Make what the recipe asks for with Snakemake, then say where it is. Results go to results/ of the working directory.
Options that are not listed here are passed on to Snakemake: --cores 2, -n, --until pretrain, …

A job that fails does not stop the others: the end lists what failed and why, and the report covers what is finished
(--config only=finished makes that report at any time).
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "run",
        help="Make what the recipe asks for with Snakemake; further options are passed on to it.",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[recipe_options()],
        allow_abbrev=False,
    )
    parser.set_defaults(function=run, passes_on=True)


def run(given: argparse.Namespace) -> int:
    from snakelm.recipe.parsing import read_yaml
    from snakelm.workflow.failures import check_writable

    checkout("run")  # before anything is written
    for file in given.configfile:
        read_yaml(file)  # Snakemake would read it first, and --quiet all takes away what it says
    folder, dry = working_directory(given.rest), is_dry(given.rest)
    if not dry:
        check_writable(folder)
    code = _wait(subprocess.Popen(_command(given, given.config)))
    if dry or code < 0 or code >= 128:  # stopped from outside: Snakemake has said so
        return code
    start = Path.cwd()
    with contextlib.chdir(folder):  # where the results are
        there = [os.path.relpath(start / file) for file in given.configfile]
        planned = argparse.Namespace(configfile=there, config=given.config)
        if code:
            _say_what_failed(given, planned, start)
        else:
            _say_where(planned)
    return code


def _command(given: argparse.Namespace, config: list[str]) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(checkout("run") / "Snakefile"), *given.rest]
    if given.configfile:
        # A name with a leading - would be taken for an option.
        command += ["--configfile", *(f"./{file}" if file.startswith("-") else file for file in given.configfile)]
    if config:
        command += ["--config", *config]
    if not (is_dry(given.rest) or is_quiet(given.rest)):
        command += ["--quiet", "all"]  # the stages say themselves what they do
    return [*command, "--keep-going"]


def _say_what_failed(given: argparse.Namespace, planned: argparse.Namespace, start: Path) -> None:
    """The list of failures, after a report over what succeeded: a second invocation, whose plan has that as a run.

    The report of the whole recipe cannot have parents that are missing, and its id says what they are. A report over
    the finished runs is another run with an id of its own; the whole one is made as soon as nothing is missing.

    given: as the command line says it in the folder `start`; planned: the recipe, as seen from the folder of now.
    """
    from snakelm.planning.plan import FINISHED
    from snakelm.workflow.failures import obstacle, summary

    try:
        plan, only = plan_of(planned, looks_at_data=True)
    except UserError:  # Snakemake's process has said it, and started nothing
        return
    failures = plan.store.failures()
    if not failures:
        unlock = shlex.join(["snakelm", "run", *(["--configfile", *given.configfile] if given.configfile else [])])
        print(f"error: {obstacle(Path(), f'{unlock} --unlock')}", file=sys.stderr)
        return
    lines = summary(plan, failures)
    if only is None:
        planned.config = [*planned.config, f"only={FINISHED}"]
        command = _command(given, planned.config)
        if plan_of(planned)[0].of("report") and _wait(subprocess.Popen(command, cwd=start)) == 0:
            _say_where(planned)
    print("\n".join(lines), file=sys.stderr)


def _say_where(given: argparse.Namespace) -> None:
    from snakelm.planning.summary import whereabouts

    print(whereabouts(plan_of(given)[0]), flush=True)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code. Ctrl-C reaches Snakemake by itself, and it needs time to stop its jobs; SIGTERM is passed on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    return process.wait()
