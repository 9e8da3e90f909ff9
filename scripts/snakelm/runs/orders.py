"""Orders: what a submitted job is to make, written down when Snakemake starts.

A job may wait in a queue for hours while the recipe is edited. It makes what it was submitted as: script and
cluster node read the order, never the recipe. An order holds the runs of one job (a fine-tuning cell has one per
seed), each with its whole config, its parents and its sources, so its id can be recomputed and checked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snakelm.core.errors import UserError
from snakelm.runs.store import Store, write_json

if TYPE_CHECKING:
    from snakelm.planning.plan import Plan, Run


def write_orders(plan: Plan) -> None:
    """One file for each job that is to be done; OSError where the results folder cannot be written."""
    for stage, job, runs in plan.jobs():
        if not all(run.done for run in runs):
            write_json(plan.store.order(stage, job), order_of(stage, job, runs, plan))


def order_of(stage: str, job: str, runs: list[Run], plan: Plan) -> dict[str, Any]:
    return {
        "stage": stage,
        "job": job,
        "threads": plan.recipe.resources_of(stage)["threads"],
        "target": plan.target(stage, job),
        "inputs": plan.inputs(stage, job),
        "runs": [
            {
                "name": run.name,
                "id": run.id,
                "key": run.key,
                "folder": run.folder.as_posix(),
                "config": run.typed().model_dump(mode="json"),
                "explicit": run.explicit,
                "sources": run.sources,
                "parents": {
                    role: {
                        "stage": parent.stage,
                        "name": parent.name,
                        "id": parent.canonical,
                        "folder": parent.folder.as_posix(),
                    }
                    for role, parent in run.parents.items()
                },
            }
            for run in runs
        ],
    }


def read_order(store: Store, stage: str, job: str) -> dict[str, Any]:
    path = store.order(stage, job)
    try:
        return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise UserError(
            f"{stage} {job}: nobody ordered this run (no {path}); start it through snakemake, which writes the order"
        ) from None
