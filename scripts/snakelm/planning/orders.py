"""Writing down what the jobs of an invocation are to make (`runs.records.Order`)."""

from __future__ import annotations

from snakelm.artifacts import records
from snakelm.planning.plan import Plan, PlannedJob, PlannedRun
from snakelm.runs.records import Order, OrderedParent, OrderedRun
from snakelm.runs.store import remove_tree


def write_orders(plan: Plan) -> None:
    """One file for each job that is to be done; OSError where the results folder cannot be written."""
    remove_tree(plan.store.root / ".work" / "failures")  # those of the last invocation
    waiting = [job for job in plan.jobs if not job.done]
    code = plan.store.copy_code() if waiting else ""
    for job in waiting:
        records.write(plan.store.order(job.stage, job.key), order_of(job, plan, code))


def order_of(job: PlannedJob, plan: Plan, code: str) -> Order:
    """The order of a job; `code` names the copy of the code that it is to run."""
    return Order(
        stage=job.stage,
        job=job.key,
        name=job.name,
        recipe=plan.name,
        threads=plan.recipe.resources_of(job.stage).threads or 1,
        target=job.target,
        inputs=tuple(plan.inputs(job)),
        code=code,
        plugins=tuple(plan.recipe.plugins),
        on_library_change=plan.recipe.on_library_change,
        runs=tuple(ordered(run) for run in job.runs),
    )


def ordered(run: PlannedRun) -> OrderedRun:
    """A run as a job is told of it."""
    return OrderedRun(
        name=run.name,
        id=run.id,
        folder=run.folder,
        subject=run.subject,
        key=run.key,
        config=run.settings(),
        explicit=dict(run.explicit),
        sources=dict(run.sources),
        versions=dict(run.versions),
        components=run.components,
        parents={
            role: OrderedParent(
                parent.stage,
                parent.name,
                parent.canonical,
                parent.id,
                parent.folder,
                run.roles.get(role, parent.subject),
            )
            for role, parent in run.parents.items()
        },
        aliases=tuple(run.aliases),
    )
