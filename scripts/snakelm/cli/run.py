"""`snakelm run`: Snakemake with the recipe, then where the results are."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

from snakelm.cli.checkout import checkout
from snakelm.cli.options import Subparsers, plan_of
from snakelm.workflow.snakemake_api import is_dry, is_quiet, recipe_options

DESCRIPTION = """\
Make what the recipe asks for with Snakemake, then say where it is. Results go to results/ of the working directory.
Options that are not listed here are passed on to Snakemake: --cores 2, -n, --until pretrain, …
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
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(checkout("run") / "Snakefile"), *given.rest]
    if given.configfile:
        # A name with a leading - would be taken for an option.
        command += ["--configfile", *(f"./{file}" if file.startswith("-") else file for file in given.configfile)]
    if given.config:
        command += ["--config", *given.config]
    dry = is_dry(given.rest)
    if not (dry or is_quiet(given.rest)):
        command += ["--quiet", "all"]  # the stages say themselves what they do
    code = _wait(subprocess.Popen(command))
    if code == 0 and not dry:
        from snakelm.planning.summary import whereabouts

        print(whereabouts(plan_of(given)[0]))
    return code


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code. Ctrl-C reaches Snakemake by itself, and it needs time to stop its jobs; SIGTERM is passed on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    return process.wait()
