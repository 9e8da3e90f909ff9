"""What the Snakefile and its rules ask the library: targets, inputs, resources, and what to do at the start.

Snakemake's main process plans the recipe. A job on a cluster node plans nothing: it reads its order, so an edited
recipe cannot turn a queued job into another one.
"""

from __future__ import annotations

import gc
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError
from snakelm.planning.links import link_latest, note_cells
from snakelm.planning.orders import write_orders
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.planning.summary import whereabouts
from snakelm.recipe.loading import load
from snakelm.runs.store import Store

DEFAULT_RECIPE = "config/config.yaml"
DRY = {"--dry-run", "--dryrun", "--lint", "--dag", "--rulegraph", "--summary", "--report", "--unlock"}


class Workflow:
    """The recipe seen from the rules. Ends the process with one line for each problem of the recipe."""

    def __init__(self, workflow: Any):
        # Scripts are started as `python …`: let that be the Python that runs Snakemake, venv active or not.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        scripts = Path(workflow.basedir) / "scripts"
        self.scripts = os.path.relpath(scripts) if Path.cwd() == Path(workflow.basedir) else str(scripts)
        self._workflow = workflow
        self.store = Store()
        self.plan: Plan | None = None
        # A DAG of thousands of jobs is millions of objects that all stay: looking for cycles among them over and over
        # took a quarter of the time of a dry-run.
        gc.set_threshold(200_000, 50, 100)
        if not workflow.is_main_process:
            self.targets: list[str] = []
            return
        try:
            files, overrides = given_recipe(workflow.config_settings)
            only = overrides.pop("only", None)
            self.plan = read_plan(files, overrides, self.store)
            self.targets = self.plan.targets(only)
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
        note_cells(self.plan)
        if not is_dry(sys.argv[1:]):
            link_latest(self.plan)

    def command(self, stage: str) -> str:
        """The shell command of a stage's rule. `exec`: a signal must reach the trainer, not a shell around it."""
        return f"exec python {shlex.quote(self.scripts)}/{stage}.py {{output}} --threads {{threads}} --log {{log}}"

    def inputs(self, stage: str) -> Callable[[Any], list[str]]:
        """An input function: the files of the parents of the job that the wildcard names."""

        from snakemake.io import ancient

        # ancient: a manifest's time stamp says nothing. What a run depends on is in its id.
        if self.plan is None:
            return lambda wildcards: [ancient(file) for file in self.store.read_order(stage, wildcards[0]).inputs]

        plan = self.plan

        def found(wildcards: Any) -> list[str]:
            # Below a forced job Snakemake would pass over all that is missing, were its inputs ancient.
            mark = str if self._workflow.dag_settings.forcerun else ancient
            return [mark(file) for file in plan.inputs(plan.job(stage, wildcards[0]))]

        return found

    def resources(self, stage: str) -> dict[str, Any]:
        """What the jobs of a stage ask for, in the words of Snakemake and its SLURM plugin."""
        if self.plan is None:  # asked for already, by the process that submitted the job
            return {}
        plan, asked = self.plan, self.plan.recipe.resources_of(stage)
        found: dict[str, Any] = {
            "mem_mb": asked.mem_mb,
            "runtime": asked.runtime,
            "gpu": asked.gpus,
            "slurm_partition": asked.partition,
            # Takes the place of the profile's own: a requeued job must go on writing its log all the same.
            "slurm_extra": f"--open-mode=append {asked.extra}" if asked.extra else None,
        }
        found = {name: value for name, value in found.items() if value}
        if any(job.gpus for job in plan.jobs if job.stage == stage):
            # A model or task that states its GPUs is given them, whatever the stage's jobs ask for else.
            def gpus(wildcards: Any) -> int:
                own = plan.job(stage, wildcards[0]).gpus
                return (asked.gpus or 0) if own is None else own

            found["gpu"] = gpus
        return found

    def threads(self, stage: str) -> Any:
        """CPU threads of the jobs of a stage."""
        if self.plan is None:
            return lambda wildcards: self.store.read_order(stage, wildcards[0]).threads
        return self.plan.recipe.resources_of(stage).threads

    def start(self) -> None:
        """Write down what the jobs of this invocation are to make; one line and exit code 1 where that fails."""
        if self.plan is None:
            return
        try:
            write_orders(self.plan)
        except OSError as error:
            print(f"{self.store.root}: cannot be written ({error.strerror}); fix that and rerun", file=sys.stderr)
            sys.stderr.flush()
            self._workflow.persistence.unlock()  # what Snakemake does when it ends, which it is not given the time for
            os._exit(1)

    def finish(self) -> None:
        """Say where the results are, unless asked to be quiet."""
        if self.plan is not None and "--quiet" not in sys.argv:
            print(whereabouts(self.plan), file=sys.stderr)


def is_dry(arguments: list[str]) -> bool:
    """Whether Snakemake was asked for something other than to run; short options may be written together (-np)."""
    return any(argument in DRY or re.fullmatch(r"-[A-Za-z]*n[A-Za-z]*", argument) for argument in arguments)


def given_recipe(settings: Any) -> tuple[list[str], dict[str, Any]]:
    """The recipe's files and overrides. Of an option that stands twice Snakemake takes the last one only, without a
    word; here all of them count, in order."""
    from snakelm.cli.options import parse_overrides, recipe_options

    files, overrides = [str(file) for file in settings.configfiles], dict(settings.config)
    given, _ = recipe_options().parse_known_args(sys.argv[1:])
    names = [str(Path(name)) for name in given.configfile]
    if files and names and files[-1].endswith(names[-1]):  # else they come from a profile or another program
        start = files[-1].removesuffix(names[-1])  # Snakemake may have changed the folder since
        files = [os.path.join(start, name) for name in names]
    if given.config:
        overrides |= parse_overrides(given.config)
    return files, overrides


def read_plan(files: list[str], overrides: dict[str, Any], store: Store) -> Plan:
    """Recipe files (default: config/config.yaml) and overrides → Plan; UserError lists every problem."""
    files = files or [DEFAULT_RECIPE]
    return make_plan(load(files, overrides), store, name=Path(files[-1]).stem)
