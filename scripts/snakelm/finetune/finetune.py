"""The stage finetune: one run is one model, task, way to begin, and seed.

Run folder: the model with its tokenizer, and predictor.json, which says how it is to be asked; predictions.parquet and
.tsv for the test, and the same for validation, row by row as in the input, and once more in the format of the field's
own scorers, where it has one; curve.tsv (step, epoch, loss, validation_loss, validation_metric); task.json (type,
labels, main metric, numbers of rows, the threshold of several labels per row); grid.tsv where a grid was searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakelm.artifacts.files import write_json
from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.finetune.config import FinetuneConfig
from snakelm.finetune.data import load
from snakelm.finetune.results import Result
from snakelm.finetune.tables import write_official, write_predictions, write_records
from snakelm.runs.context import RunContext
from snakelm.tasks.data import TaskData
from snakelm.tasks.metrics import NO_LABELS

if TYPE_CHECKING:
    from pandas import DataFrame


def finetune(context: RunContext[FinetuneConfig]) -> dict[str, Any]:
    """Learn the task, predict its test, write both; returns the headline numbers.

    Parents: `pretrained` (init pretrained) or `tokenizer` (init random), and `corpus` where the task reads one.
    Called once per seed in one process: data and features are made once. Raises UserError for unusable data.
    """
    task = context.config.task
    data = load(task, context.parents.get("corpus"), context.sources, context.work)
    if "validation" not in data.splits and (task.patience or len(task.grid_points()) > 1):
        raise UserError("patience and grid need validation rows; set validation_fraction or give validation")
    if context.config.baseline is not None:
        answer = task.baselines[context.config.baseline](task, data)
        answers = {split: answer(data.splits[split]) for split in ("validation", "test") if split in data.splits}
        tuned = task.tuned(answers.get("validation"), data.labels)
        answers = {split: task.decide(table, data.labels, tuned) for split, table in answers.items()}
        result = Result(answers["test"], answers.get("validation"), tuned=tuned)
    else:
        from snakelm.finetune import network

        result = network.run(context, data)
    return _write(context, data, result)


def _write(context: RunContext[FinetuneConfig], data: TaskData, result: Result) -> dict[str, Any]:
    task, metrics = context.config.task, context.config.task.metrics
    test = {} if "test" in data.unlabelled else metrics.score(result.test)
    validation = {} if result.validation is None else metrics.score(result.validation)
    main = metrics.main(test or validation, task.metric) if test or validation else task.metric or metrics.names[0]
    _write_split(context, data, result.test, "test")
    headline: dict[str, Any] = {"metric": main}
    said = NO_LABELS.format(len(result.test))
    if test:
        headline |= {"test": round(test[main], 6), "test_rows": len(result.test)}
        said = f"{main} {test[main]:.4f} on {len(result.test):,} test rows"
    else:
        headline["note"] = said
    if result.validation is not None:
        _write_split(context, data, result.validation, "validation")
        headline["validation"] = round(validation[main], 6)
    if result.curve:
        write_records(context.out / "curve.tsv", result.curve)
    if result.points:
        write_records(context.out / "grid.tsv", result.points)
        headline["grid"] = result.point
    description = {
        "type": task.type,
        "metric": main,
        "greater_is_better": metrics.greater_is_better(main),
        "init": context.config.label,
        "seed": context.config.seed if context.config.baseline is None else None,
        "labels": data.labels,
        "rows": {split: len(frame) for split, frame in data.splits.items()},
        "duplicates_of_training": data.duplicates,
        **result.tuned,
    }
    if data.unlabelled:
        description["unlabelled"] = sorted(data.unlabelled)
    write_json(context.out / "task.json", description)
    log.info(f"seed {context.config.seed}: {said}")
    return headline


def _write_split(context: RunContext[FinetuneConfig], data: TaskData, table: DataFrame, split: str) -> None:
    write_predictions(table, context.out, split)
    write_official(table, data.rows[split], context.config.task, context.out, split)
