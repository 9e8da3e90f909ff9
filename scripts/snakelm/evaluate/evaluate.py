"""The stage evaluate: the predictions of one cell's seeds → metrics with intervals.

Run folder: metrics.tsv (seed, split, metric, value, n, main, greater_is_better), one row per seed, split and metric;
cell.json (task type, main metric, what the test's units are, and per metric the mean, its interval, the number of seeds
and each seed's value); contributions.npy, float32 (metrics, seeds, units): what each unit of the test contributes to
each metric, in the order of cell.json's `contributions` and `seeds`. No seed enters a baseline: it is scored once, and
its seed is empty. details.json: what else is worth knowing of the test, such as scores of each label, and which errors
are the most confident (`metrics/details.py`). Of a test without labels all are there and hold no score; cell.json says
"no labels: n predictions".
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.artifacts import records
from snakelm.artifacts.files import plain, write_json
from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.metrics.details import DETAILS, Details
from snakelm.metrics.flags import flags
from snakelm.metrics.predicted import Predicted
from snakelm.metrics.ranges import range_of
from snakelm.runs.context import RunContext
from snakelm.statistics.estimates import Estimate, Scores, estimate
from snakelm.tasks.config import TaskConfig, task_types
from snakelm.tasks.metrics import NO_LABELS

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats
    from snakelm.tasks.metrics import Metrics

PREDICTIONS = {"test": "predictions.parquet", "validation": "predictions-validation.parquet"}
COLUMNS = ("seed", "split", "metric", "value", "n", "main", "greater_is_better")


@dataclass
class _Scored:
    """What was found in the predictions of a cell's runs."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    """Of metrics.tsv."""
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metric → seed → its value on the test."""
    tables: dict[str, DataFrame] = field(default_factory=dict)
    """Seed → its predictions for the test."""
    contributions: dict[str, list[Floats]] = field(default_factory=dict)
    """Metric → what each unit of the test contributes, for each seed."""


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
    first = seeds[0][1]
    task, labels = _task(first)
    for _, folder in seeds:
        if (other := _task(folder)[0]) != task:
            raise UserError(f"{folder}: is of another task or test ({other}) than {first} ({task})")
    task_type = _type(task["type"], first)
    deterministic, unlabelled = task.pop("init") in task_type.baselines, task.pop("unlabelled")
    named = {"": first} if deterministic else {str(seed): folder for seed, folder in seeds}
    scored = _Scored()
    for seed, folder in () if unlabelled else named.items():
        _score(folder, seed, task["metric"], task_type.metrics, scored)
    write_metrics(context.out / "metrics.tsv", scored.rows)
    # A part of a metric that not every seed has would make a table with holes.
    whole = [name for name, found in scored.contributions.items() if len(found) == len(named)]
    table_MSU = numpy.array([scored.contributions[name] for name in whole]).astype(numpy.float32)
    numpy.save(context.out / "contributions.npy", table_MSU)
    test = pandas.read_parquet(first / PREDICTIONS["test"])
    cell = {
        **task,
        "greater_is_better": task_type.metrics.greater_is_better(task["metric"]),
        "confidence": context.config.confidence,
        "deterministic": deterministic,
        "seeds": list(named),
        "test": _digest(test, task_type),
        "unit": task_type.metrics.unit_column(test) or "row",
        "units": table_MSU.shape[-1],
        "contributions": whole,
    }
    found = {}
    for name, values in scored.values.items():
        of_units = table_MSU[whole.index(name)] if name in whole else None
        one = Scores(values, of_units, len(test), deterministic=deterministic)
        found[name] = _summary(estimate(one, context.config.confidence, range_of(name)))
    cell["metrics"] = {name: {**found[name], "values": values} for name, values in scored.values.items()}
    if unlabelled:
        cell["note"] = NO_LABELS.format(task["test_rows"])
        headline = {"metric": task["metric"], "note": cell["note"], "n": len(named)}
    else:
        headline = {"metric": task["metric"], **found[task["metric"]]}
    write_json(context.out / "cell.json", plain(cell))  # a seed that blew up has no score
    details = Details(len(test), list(named), _parameters(first))
    if not unlabelled:
        units = task_type.metrics.units(test)
        predicted = Predicted(scored.tables, units, labels, context.config.confidence, deterministic)
        main = scored.contributions.get(task["metric"], [])
        found_flags = flags(predicted, scored.values[task["metric"]], _noise(main))
        details = replace(
            task_type.details(predicted) or details,
            rows=details.rows,
            seeds=details.seeds,
            parameters=details.parameters,
            flags=found_flags,
        )
    records.write(context.out / DETAILS, details)
    return headline


def _noise(contributions: list[Floats]) -> float:
    """The standard error of one seed's value that comes of the test rows, given what each contributes."""
    import numpy

    errors = [each.std(ddof=1) / len(each) ** 0.5 for each in contributions if len(each) > 1]
    return float(numpy.median(errors)) if errors else 0.0


def _parameters(folder: Path) -> int | None:
    """The number of a model's parameters, by the headers of its files; None for a run without a model."""
    count = 0
    for file in sorted(folder.glob("*.safetensors")):
        with open(file, "rb") as opened:
            header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
        count += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return count or None


def _score(folder: Path, seed: str, main: str, metrics: Metrics, scored: _Scored) -> None:
    """Add what one run's predictions are worth."""
    import pandas

    for split, file in PREDICTIONS.items():
        if split != "test" and not (folder / file).is_file():
            continue
        table = pandas.read_parquet(folder / file)
        scores = {name: round(value, 6) for name, value in metrics.score(table).items()}
        for name, value in scores.items():
            scored.rows.append((seed, split, name, value, len(table), name == main, metrics.greater_is_better(name)))
        if split == "test":
            scored.tables[seed] = table
            for name, part in metrics.contributions(table, scores).items():
                scored.values.setdefault(name, {})[seed] = scores[name]
                scored.contributions.setdefault(name, []).append(part)


def write_metrics(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([str(cell).lower() if isinstance(cell, bool) else cell for cell in row] for row in rows)


def _task(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What is to be the same in all runs of a cell, and the task's labels."""
    try:
        found = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        task = {"type": found["type"], "metric": found["metric"], "test_rows": found["rows"]["test"]}
        task |= {"init": found.get("init"), "unlabelled": "test" in found.get("unlabelled", ())}
        return task, found.get("labels") or []
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
