"""The stage evaluate: the predictions of one cell's seeds → metrics with intervals.

Run folder: metrics.tsv (seed, split, metric, value, n, main, greater_is_better), one row per seed, split and metric;
cell.json (task type, main metric, what the test's units are, and per metric the mean, its interval, the number of seeds
and each seed's value); contributions.npy, float32 (metrics, seeds, units): what each unit of the test contributes to
each metric, in the order of cell.json's `contributions` and `seeds`. No seed enters a baseline: it is scored once, and
its seed is empty.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.artifacts.files import write_json
from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.metrics.ranges import range_of
from snakelm.runs.context import RunContext
from snakelm.statistics.estimates import Estimate, Scores, estimate
from snakelm.tasks.config import TaskConfig, task_types

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("seed", "split", "metric", "value", "n", "main", "greater_is_better")


def evaluate(context: RunContext[EvaluateConfig]) -> dict[str, Any]:
    """Score the finetune runs given as parents `seed-<n>`; returns the main metric's mean and interval.

    Raises UserError if a run's predictions cannot be read or the runs are not of one task.
    """
    import numpy
    import pandas

    seeds = sorted(
        (int(role.removeprefix("seed-")), folder)
        for role, folder in context.parents.items()
        if role.startswith("seed-")
    )
    if not seeds:
        raise UserError("evaluate: there are no fine-tuning runs to score")
    task = _task(seeds[0][1])
    task_type = _type(task["type"], seeds[0][1])
    metrics, main = task_type.metrics, task["metric"]
    named = {str(seed): folder for seed, folder in seeds}
    if deterministic := task.pop("init") in task_type.baselines:
        named = {"": seeds[0][1]}
    rows: list[tuple[Any, ...]] = []
    values: dict[str, dict[str, float]] = {}
    parts: dict[str, list[Any]] = {}
    for seed, folder in named.items():
        if (other := _task(folder)) | task != other:
            raise UserError(f"{folder}: is of another task or test ({other}) than {seeds[0][1]} ({task})")
        for split, file in (("test", "predictions.parquet"), ("validation", "predictions-validation.parquet")):
            if split != "test" and not (folder / file).is_file():
                continue
            table = pandas.read_parquet(folder / file)
            scores = metrics.score(table)
            for metric, value in scores.items():
                greater = metrics.greater_is_better(metric)
                rows.append((seed, split, metric, round(value, 6), len(table), metric == main, greater))
            if split == "test":
                test, units = table, metrics.units(table)
                for metric, part in metrics.contributions(table, scores).items():
                    values.setdefault(metric, {})[seed] = round(scores[metric], 6)
                    parts.setdefault(metric, []).append(part)
    write_metrics(context.out / "metrics.tsv", rows)
    # A part of a metric that not every seed has (none yet has) would make a table with holes.
    whole = [metric for metric in parts if len(parts[metric]) == len(named)]
    table_MSU = numpy.array([parts[metric] for metric in whole])
    numpy.save(context.out / "contributions.npy", table_MSU.astype(numpy.float32))
    confidence, digest = context.config.confidence, _digest(test, task_type)
    estimates = {}
    for name, of_seed in values.items():
        of_units = table_MSU[whole.index(name)] if name in whole else None
        one = Scores(of_seed, of_units, len(test), digest, deterministic)
        estimates[name] = estimate(one, confidence, range_of(name))
    cell = {
        **task,
        "greater_is_better": metrics.greater_is_better(main),
        "confidence": confidence,
        "deterministic": deterministic,
        "seeds": list(named),
        "test": digest,
        "unit": next((name for name in ("group", metrics.unit) if name in test), "row"),
        "units": units.count,
        "contributions": whole,
        "metrics": {name: {**_summary(estimates[name]), "values": values[name]} for name in values},
    }
    write_json(context.out / "cell.json", cell)
    return {"metric": main, **_summary(estimates[main])}


def write_metrics(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([str(cell).lower() if isinstance(cell, bool) else cell for cell in row] for row in rows)


def _task(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        task = {"type": found["type"], "metric": found["metric"], "test_rows": found["rows"]["test"]}
        return {**task, "init": found.get("init")}
    except (OSError, ValueError, KeyError):
        raise UserError(f"{folder}: task.json cannot be read; is this a fine-tuning run?") from None


def _type(task_type: str, folder: Path) -> type[TaskConfig]:
    try:
        return task_types.get(task_type)
    except ValueError as error:
        raise UserError(f"{folder}: task.json: {error}") from None


def _digest(test: DataFrame, task_type: type[TaskConfig]) -> str:
    """A digest of the test's rows, the same whatever was predicted for them."""
    columns = [name for name in ("row", "group", *task_type.inputs, "gold") if name in test]
    hasher = hashlib.sha256()
    for name in columns:
        hasher.update(f"\n{name}\n".encode())
        for cell in test[name]:
            plain = cell.tolist() if hasattr(cell, "tolist") else cell
            hasher.update(json.dumps(plain, default=str).encode() + b"\n")
    return hasher.hexdigest()


def _summary(found: Estimate | None) -> dict[str, Any]:
    """An estimate as plain values, rounded; null where there is none."""
    if found is None:
        return dict.fromkeys(("mean", "low", "high", "n", "covers"))
    low, high = (None if end is None else round(end, 6) for end in (found.low, found.high))
    return {"mean": round(found.value, 6), "low": low, "high": high, "n": found.seeds, "covers": found.covers}
