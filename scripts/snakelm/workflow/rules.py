"""What the Snakefile and its rules ask the library: targets, inputs, resources, and what to do at the start.

Snakemake's main process plans the recipe. A job on a cluster node plans nothing: it reads its order, so an edited
recipe cannot turn a queued job into another one.
"""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.core.errors import UserError
from snakelm.runs.identity import SCRIPTS
from snakelm.runs.orders import read_order, write_orders
from snakelm.runs.store import Store, is_complete, write_json
from snakelm.workflow.snakemake_api import Host, is_dry, is_quiet

if TYPE_CHECKING:
    from snakelm.finetune.config import TaskConfig
    from snakelm.planning.plan import Plan
    from snakelm.recipe.schema import ModelEntry, Stage

DEFAULT_RECIPE = "config/config.yaml"


class Workflow:
    """The recipe seen from the rules. Ends the process with one line for each problem of the recipe."""

    def __init__(self, workflow: Any):
        # Scripts are started as `python …`: let that be the Python that runs Snakemake, venv active or not.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self.scripts = os.path.relpath(SCRIPTS) if Path.cwd() == SCRIPTS.parent else str(SCRIPTS)
        self._host = Host(workflow)
        self.store = Store(self._host.path("results/"))
        self.plan: Plan | None = None
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
        self.plan = read_plan(files, overrides, self.store, module)
        self.targets = self._host.inputs(self.plan.targets(only), ancient=False)
        note_cells(self.plan)
        if not is_dry():
            link_latest(self.plan)
            if self._host.is_module:  # nobody will call `start`
                self._write_orders(self.plan)

    def command(self, stage: Stage) -> str:
        """The shell command of a stage's rule. `exec`: a signal must reach the trainer, not a shell around it."""
        return f"exec python {shlex.quote(self.scripts)}/{stage}.py {{output}} --threads {{threads}} --log {{log}}"

    def inputs(self, stage: Stage) -> Callable[[Any], list[str]]:
        """An input function: the files of the parents of the job that the wildcard names."""
        # ancient: a manifest's time stamp says nothing. What a run depends on is in its id.
        if (plan := self.plan) is None:
            return lambda wildcards: self._host.inputs(
                read_order(self.store, stage, wildcards[0])["inputs"], ancient=True
            )
        # Below a forced job Snakemake would pass over all that is missing, were its inputs ancient.
        return lambda wildcards: self._host.inputs(plan.inputs(stage, wildcards[0]), ancient=not self._host.is_forced)

    def resources(self, stage: Stage) -> dict[str, Any]:
        """What the jobs of a stage ask for, in the words of Snakemake and its SLURM plugin."""
        if (plan := self.plan) is None:  # asked for already, by the process that submitted the job
            return {}
        asked = plan.recipe.resources_of(stage)
        names = {
            "mem_mb": "mem_mb",
            "runtime": "runtime",
            "gpus": "gpu",
            "partition": "slurm_partition",
            "extra": "slurm_extra",
        }
        if asked["extra"]:
            # Takes the place of the profile's own: a requeued job must go on writing its log all the same.
            asked["extra"] = f"--open-mode=append {asked['extra']}"
        found = {names[key]: value for key, value in asked.items() if key in names and value}
        entries: Mapping[str, ModelEntry | TaskConfig] = {}
        if stage == "pretrain":
            entries = plan.recipe.models
        elif stage == "finetune":
            entries = plan.recipe.tasks
        if any(entry.gpus for entry in entries.values()):
            # A model or task that states its GPUs is given them, whatever the stage's jobs ask for else.
            def gpus(wildcards: Any) -> Any:
                if stage == "finetune":
                    config: Any = plan.cells_by_job[wildcards[0]].runs[0].typed()
                    own = config.task.gpus
                else:
                    config = plan.run_at(stage, wildcards[0]).typed()
                    own = config.gpus
                return asked["gpus"] if own is None else own

            found["gpu"] = gpus
        return found

    def threads(self, stage: Stage) -> Any:
        """CPU threads of the jobs of a stage."""
        if self.plan is None:
            return lambda wildcards: read_order(self.store, stage, wildcards[0])["threads"]
        return self.plan.recipe.resources_of(stage)["threads"]

    def start(self) -> None:
        """Write down what the jobs of this invocation are to make; one line and exit code 1 where that fails."""
        if self.plan is None:
            return
        try:
            self._write_orders(self.plan)
        except UserError as error:
            print(error, file=sys.stderr)
            sys.stderr.flush()
            self._host.unlock()
            os._exit(1)  # Snakemake would turn any exception of a handler into a traceback

    def _write_orders(self, plan: Plan) -> None:
        try:
            write_orders(plan)
        except OSError as error:
            raise UserError(f"{self.store.root}: cannot be written ({error.strerror}); fix that and rerun") from None

    def finish(self) -> None:
        """Say where the results are, unless asked to be quiet."""
        if self.plan is not None and not is_quiet():
            print(self.plan.whereabouts(), file=sys.stderr)


def read_plan(files: list[str], overrides: dict[str, Any], store: Store, module: str | None = None) -> Plan:
    """Recipe files (default: config/config.yaml) and overrides → Plan; UserError lists every problem.

    module: the name of the Snakemake module whose config `overrides` is, and the whole of the recipe.
    """
    from snakelm.planning.plan import Plan
    from snakelm.recipe.schema import load

    if module is not None:
        return Plan(load([], overrides, f"config of module {module}"), store, recipe_name=module)
    files = files or [DEFAULT_RECIPE]
    return Plan(load(files, overrides), store, recipe_name=Path(files[-1]).stem)


def note_cells(plan: Plan) -> None:
    """Let cells' files say what is there: where all seeds were made before (as parts of other cells) there is nothing
    to do, and where a run has been taken away since, there is."""
    try:
        for cell in plan.cells.values():
            if cell.done and not cell.folder.exists():
                members = {run.name: {"id": run.id, "folder": run.folder.as_posix()} for run in cell.runs}
                write_json(cell.folder, {"stage": "finetune", "cell": cell.folder.stem, "runs": members})
            elif not cell.done and cell.folder.exists() and not all(is_complete(run.folder) for run in cell.runs):
                cell.folder.unlink()
    except OSError:
        pass  # a results folder that is read-only can still be looked at


def link_latest(plan: Plan) -> None:
    """Point results/latest at the recipe's finished runs."""
    try:
        for run in plan.runs.values():
            if run.done:
                plan.store.link_latest(run.stage, run.name, run.folder)
    except OSError:
        pass
