"""The stage evaluate: the test predictions of one cell's seeds → metrics with intervals.

Run folder: metrics.tsv (seed, metric, value, n, main, greater_is_better), one row per seed and metric, and cell.json
(task type, main metric, and per metric the mean, its interval, the number of seeds and each seed's value). Of a test
without labels both are there and hold no score; cell.json says "no labels: n predictions".
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from snakelm.artifacts.files import write_json
from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.metrics.intervals import mean_interval
from snakelm.metrics.ranges import range_of
from snakelm.runs.context import RunContext
from snakelm.tasks.config import task_types
from snakelm.tasks.metrics import NO_LABELS, Metrics

COLUMNS = ("seed", "metric", "value", "n", "main", "greater_is_better")


def evaluate(context: RunContext[EvaluateConfig]) -> dict[str, Any]:
    """Score the finetune runs given as parents `seed-<n>`; returns the main metric's mean and interval.

    Raises UserError if a run's predictions cannot be read or the runs are not of one task.
    """
    import pandas

    seeds = sorted(
        (int(role.removeprefix("seed-")), folder)
        for role, folder in context.parents.items()
        if role.startswith("seed-")
    )
    if not seeds:
        raise UserError("evaluate: there are no fine-tuning runs to score")
    rows: list[tuple[Any, ...]] = []
    values: dict[str, dict[int, float]] = {}
    task = _task(seeds[0][1])
    metrics, unlabelled = _metrics(task["type"], seeds[0][1]), "unlabelled" in task
    for seed, folder in seeds:
        if (other := _task(folder)) != task:
            raise UserError(f"{folder}: is of another task or test ({other}) than {seeds[0][1]} ({task})")
        if unlabelled:
            continue
        table = pandas.read_parquet(folder / "predictions.parquet")
        for metric, value in metrics.score(table).items():
            value = round(value, 6)
            rows.append((seed, metric, value, len(table), metric == task["metric"], metrics.greater_is_better(metric)))
            values.setdefault(metric, {})[seed] = value
    write_metrics(context.out / "metrics.tsv", rows)
    intervals = {
        name: mean_interval(list(of.values()), context.config.confidence, range_of(name)) for name, of in values.items()
    }
    cell = {
        **task,
        "greater_is_better": metrics.greater_is_better(task["metric"]),
        "confidence": context.config.confidence,
        "seeds": [seed for seed, _ in seeds],
        "metrics": {
            name: {
                **_rounded(intervals[name].as_dict()),
                "values": {str(seed): value for seed, value in values[name].items()},
            }
            for name in values
        },
    }
    if unlabelled:
        cell["note"] = NO_LABELS.format(task["test_rows"])
    write_json(context.out / "cell.json", cell)
    if unlabelled:
        return {"metric": task["metric"], "note": cell["note"], "n": len(seeds)}
    return {"metric": task["metric"], **_rounded(intervals[task["metric"]].as_dict())}


def write_metrics(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([str(cell).lower() if isinstance(cell, bool) else cell for cell in row] for row in rows)


def _task(folder: Path) -> dict[str, Any]:
    try:
        description = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        unlabelled = {"unlabelled": ["test"]} if "test" in description.get("unlabelled", ()) else {}
        rows = description["rows"]["test"]
        return {"type": description["type"], "metric": description["metric"], "test_rows": rows, **unlabelled}
    except (OSError, ValueError, KeyError):
        raise UserError(f"{folder}: task.json cannot be read; is this a fine-tuning run?") from None


def _metrics(task_type: str, folder: Path) -> Metrics:
    try:
        return task_types.get(task_type).metrics
    except ValueError as error:
        raise UserError(f"{folder}: task.json: {error}") from None


def _rounded(interval: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in interval.items()}
