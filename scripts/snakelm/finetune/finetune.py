"""The stage finetune: one run is one model, task, way to begin, and seed.

Run folder: the model with its tokenizer; predictions.parquet and .tsv for the test, and the same for validation,
row by row as in the input; curve.tsv (step, epoch, loss, validation_loss, validation_metric); task.json (type,
labels, main metric, numbers of rows); grid.tsv where a grid was searched.
"""

from __future__ import annotations

from typing import Any

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.finetune import baselines
from snakelm.finetune.config import BASELINES, FinetuneConfig
from snakelm.finetune.data import TaskData, load
from snakelm.finetune.tables import write_json, write_predictions, write_records
from snakelm.metrics.compute import compute, main_metric
from snakelm.metrics.names import greater_is_better
from snakelm.runs.context import RunContext


def finetune(context: RunContext[FinetuneConfig]) -> dict[str, Any]:
    """Learn the task, predict its test, write both; returns the headline numbers.

    Parents: `pretrained` (init pretrained) or `tokenizer` (init random), and `corpus` where the task reads one.
    Called once per seed in one process: data and features are made once. Raises UserError for unusable data.
    """
    task = context.config.task
    data = load(task, context.parents.get("corpus"), context.sources, context.work)
    if "validation" not in data.splits and (task.patience or len(task.grid_points()) > 1):
        raise UserError("patience and grid need validation rows; set validation_fraction or give validation")
    if context.config.init in BASELINES:
        test, validation = baselines.predict(context.config.init, task, data, context.config.seed)
        curve, point, points = [], {}, []
    else:
        from snakelm.finetune import network

        result = network.run(context, data)
        test, validation, curve = result.test, result.validation, result.curve
        point, points = result.point, result.points
    return _write(context, data, test, validation, curve, point, points)


def _write(
    context: RunContext[FinetuneConfig],
    data: TaskData,
    test: Any,
    validation: Any,
    curve: list,
    point: dict,
    points: list,
) -> dict[str, Any]:
    task = context.config.task
    metrics = compute(task.type, test)
    main = main_metric(task.type, metrics, task.metric)
    write_predictions(test, context.out)
    headline = {"metric": main, "test": round(metrics[main], 6), "test_rows": len(test)}
    if validation is not None:
        write_predictions(validation, context.out, "validation")
        headline["validation"] = round(compute(task.type, validation)[main], 6)
    if curve:
        write_records(context.out / "curve.tsv", curve)
    if points:
        write_records(context.out / "grid.tsv", points)
        headline["grid"] = point
    description = {
        "type": task.type,
        "metric": main,
        "greater_is_better": greater_is_better(main),
        "init": context.config.init,
        "seed": context.config.seed,
        "labels": data.labels,
        "rows": {split: len(frame) for split, frame in data.splits.items()},
        "duplicates_of_training": data.duplicates,
    }
    write_json(context.out / "task.json", description)
    log.info(f"seed {context.config.seed}: {main} {metrics[main]:.4f} on {len(test):,} test rows")
    return headline
