"""Keeping what lies beside the runs in step with a plan: the lists of cells, and the links to a recipe's runs."""

from __future__ import annotations

from snakelm.artifacts import records
from snakelm.planning.plan import Plan
from snakelm.runs.records import CellList, CellMember
from snakelm.runs.stages import STAGES
from snakelm.runs.store import is_complete, is_damaged


def note_cells(plan: Plan) -> None:
    """Let the lists of cells say what is there: where all seeds were made before (as parts of other cells) there is
    nothing to do, and where a run has been taken away since, there is. A manifest that cannot be read and has no whole
    copy makes way, or Snakemake would take its run for made."""
    try:
        for job in plan.jobs:
            if not STAGES[job.stage].by_cell:
                if not job.done and job.target.exists() and is_damaged(job.target.parent):
                    job.target.replace(job.target.with_name(f"{job.target.name}.damaged"))
                continue
            if job.done and not job.target.exists():
                members = tuple(CellMember(run.name, run.id, run.folder) for run in job.runs)
                records.write(job.target, CellList(job.stage, job.key, members))
            elif not job.done and job.target.exists() and not all(is_complete(run.folder) for run in job.runs):
                job.target.unlink()
    except OSError:
        pass  # a results folder that is read-only can still be looked at


def link_latest(plan: Plan) -> None:
    """Point results/recipes/<recipe> at the recipe's finished runs, and results/latest at that."""
    try:
        plan.store.make_latest(plan.name)
        for run in plan.runs.values():
            if run.done:
                plan.store.link_run(plan.name, run.stage, run.names, run.folder)
    except OSError:
        pass
