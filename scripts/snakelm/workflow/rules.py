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
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError
from snakelm.planning.inspection import Inspection
from snakelm.planning.links import link_latest, note_cells
from snakelm.planning.orders import write_orders
from snakelm.planning.plan import FINISHED, Plan
from snakelm.planning.planner import Inspect, make_plan
from snakelm.planning.summary import whereabouts
from snakelm.publishing.beside import write_cards
from snakelm.recipe.command import command_of
from snakelm.recipe.loading import load
from snakelm.recipe.schema import Recipe
from snakelm.runs.code import ROOT
from snakelm.runs.stages import STAGES
from snakelm.runs.store import Store
from snakelm.workflow.snakemake_api import Host, asks_only, is_dry, is_quiet

DEFAULT_RECIPE = "config/config.yaml"


class Workflow:
    """The recipe seen from the rules. Ends the process with one line for each problem of the recipe."""

    def __init__(self, workflow: Any):
        # Scripts are started as `python …`: let that be the Python that runs Snakemake, venv active or not.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self.scripts = os.path.relpath(ROOT) if Path.cwd() == ROOT.parent else str(ROOT)
        self._host = Host(workflow)
        self.store = Store(self._host.path("results/"))
        self.plan: Plan | None = None
        self._command: list[str] = []
        self.targets: list[str] = []
        # A DAG of thousands of jobs is millions of objects that all stay: looking for cycles among them over and over
        # took a quarter of the time of a dry-run.
        gc.set_threshold(200_000, 50, 100)
        if self._host.plans:
            try:
                self._plan()
            except UserError as error:
                print(error, file=sys.stderr)
                sys.exit(1)

    def _plan(self) -> None:
        files, overrides, module = self._host.recipe()
        only = overrides.pop("only", None)
        inspect = None if asks_only() else Inspection(only)
        self.plan = read_plan(files, overrides, self.store, module, only_finished=only == FINISHED, inspect=inspect)
        self._command = command_of(files, overrides)
        self.targets = self._host.inputs(self.plan.targets(only), ancient=False)
        note_cells(self.plan)
        if not is_dry():
            link_latest(self.plan)
            if self._host.is_module:  # nobody will call `start`
                self._write_orders(self.plan)

    def command(self, stage: str, manifest: str = "output") -> str:
        """The shell command of a stage's rule. `exec`: a signal must reach the trainer, not a shell around it.

        manifest: what the rule calls the file that the job is known by, where it declares more than one."""
        scripts = _escaped(shlex.quote(self.scripts))
        return f"exec python {scripts}/{stage}.py {{{manifest}}} --threads {{threads}} --log {{log}}"

    @property
    def environment(self) -> str:
        """The conda environment of every rule (--software-deployment-method conda)."""
        return _escaped(str(ROOT.parent / "envs" / "snakelm.yaml"))

    def priority(self, stage: str) -> int:
        """What Snakemake orders the ready jobs of a stage by (see `priorities`)."""
        return priorities(self.plan.recipe)[stage] if self.plan is not None else 0  # a job schedules nothing

    def inputs(self, stage: str) -> Callable[[Any], list[str]]:
        """An input function: the files of the parents of the job that the wildcard names."""
        # ancient: a manifest's time stamp says nothing. What a run depends on is in its id.
        if (plan := self.plan) is None:
            return lambda wildcards: self._host.inputs(self.store.read_order(stage, wildcards[0]).inputs, ancient=True)

        def found(wildcards: Any) -> list[str]:
            # Below a forced job Snakemake would pass over all that is missing, were its inputs ancient.
            return self._host.inputs(plan.inputs(plan.job(stage, wildcards[0])), ancient=not self._host.is_forced)

        return found

    def resources(self, stage: str) -> dict[str, Any]:
        """What the jobs of a stage ask for, in the words of Snakemake and its SLURM plugin."""
        if (plan := self.plan) is None:  # asked for already, by the process that submitted the job
            return {}
        asked = plan.recipe.resources_of(stage)
        stated: dict[str, Any] = {
            "mem_mb": asked.mem_mb,
            "runtime": asked.runtime,
            "gpu": asked.gpus,
            "slurm_partition": asked.partition,
            # Takes the place of the profile's own: a requeued job must go on writing its log all the same.
            "slurm_extra": f"--open-mode=append {asked.extra}" if asked.extra else None,
        }
        found = {name: value for name, value in stated.items() if value}
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
        self._host.keep_room()
        try:
            self._write_orders(self.plan)
        except UserError as error:
            print(error, file=sys.stderr)
            sys.stderr.flush()
            self._host.unlock()
            os._exit(1)  # Snakemake would turn any exception of a handler into a traceback

    def _write_orders(self, plan: Plan) -> None:
        try:
            self.store.note_checkout()
            write_orders(plan)
        except OSError as error:
            raise UserError(f"{self.store.root}: cannot be written ({error.strerror}); fix that and rerun") from None

    def finish(self) -> None:
        """Write the cards of what was made, and say where the results are, unless asked to be quiet."""
        if self.plan is None:
            return
        now = make_plan(self.plan.recipe, self.store, self.plan.name)  # which finds what has been made since
        write_cards(now, self._command)
        if not is_quiet():
            print(whereabouts(self.plan), file=sys.stderr)


def priorities(recipe: Recipe) -> dict[str, int]:
    """Stage → priority of its jobs: what others wait for goes first, and one wide job before narrow ones in its place.

    Of the jobs that fit the free cores Snakemake takes those with the highest *sum* of priorities, so a job of w
    threads has a higher one than w jobs of a later stage together.
    """
    found: dict[str, int] = {}
    above = 0
    for stage in reversed(STAGES):
        asked = recipe.resources_of(stage)
        found[stage] = above = 1 + max(asked.threads or 1, asked.gpus or 0) * above
    return found


def read_plan(
    files: list[str],
    overrides: dict[str, Any],
    store: Store,
    module: str | None = None,
    only_finished: bool = False,
    inspect: Inspect | None = None,
) -> Plan:
    """Recipe files (default: config/config.yaml) and overrides → Plan; UserError lists every problem.

    module: the name of the Snakemake module whose config `overrides` is, and the whole of the recipe.
    only_finished, inspect: as for `make_plan`.
    """
    if module is not None:
        return make_plan(load([], overrides, f"config of module {module}"), store, module, only_finished, inspect)
    files = files or [DEFAULT_RECIPE]
    return make_plan(load(files, overrides), store, _report_name(Path(files[-1]).stem), only_finished, inspect)


def _escaped(text: str) -> str:
    """As it has to stand in what Snakemake formats: a path may have braces."""
    return text.replace("{", "{{").replace("}", "}}")


def _report_name(stem: str) -> str:
    """A recipe's file may be called anything; the report's name is also that of a folder and a wildcard."""
    name = re.sub(r"[^A-Za-z0-9_.=+-]", "_", unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode())
    return name.lstrip("_.=+-")[:80] or "report"
