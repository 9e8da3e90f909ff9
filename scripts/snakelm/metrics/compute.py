"""From a table of predictions to figures: one function per task type, and which figure is the main one.

A table of predictions is a pandas DataFrame with one row per input row, in the input's order:

    text_classification   gold, prediction: str; with several labels per row: lists of str
    regression            gold, prediction: float
    token_classification  gold, prediction: lists of str of equal length; "" where the model gave no tag
    question_answering    gold: list of accepted answers (empty: unanswerable), prediction: str ("" is: no answer)
    multiple_choice       gold, prediction: int, the index of a choice
    summarization, translation   gold, prediction: str
    language_modeling     nats: float, minus log-likelihood of the row; tokens, bytes: int, what it was summed over
    minimal_pairs         gold, prediction: int (0: the good sentence); phenomenon: str

What a model left out is an error, never a smaller denominator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from snakelm.core.errors import UserError, did_you_mean
from snakelm.metrics import spans, tags, values
from snakelm.metrics.names import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

Metrics = dict[str, float]

_COMPUTE: dict[str, Callable[[DataFrame], Metrics]] = {
    "text_classification": tags.text_classification,
    "regression": values.regression,
    "token_classification": tags.token_classification,
    "question_answering": spans.question_answering,
    "multiple_choice": tags.choices,
    "summarization": spans.summarization,
    "translation": spans.translation,
    "language_modeling": values.language_modeling,
    "minimal_pairs": tags.minimal_pairs,
}


def compute(task_type: str, predictions: DataFrame) -> Metrics:
    """Every metric of a task type over a table of predictions (columns above), in a fixed order.

    Shares are between 0 and 1, except sacrebleu's scores (0 to 100). Raises UserError for an empty table.
    """
    if not len(predictions):
        raise UserError(f"{task_type}: there are no predictions to score")
    return {name: float(value) for name, value in _COMPUTE[task_type](predictions).items()}


def main_metric(task_type: str, metrics: Metrics, chosen: str | None = None) -> str:
    """The metric that models are selected and compared by: `chosen`, or the type's usual one."""
    if chosen is not None:
        if chosen not in metrics:
            raise UserError(f"metric {chosen} is not computed for this task{did_you_mean(chosen, metrics)}")
        return chosen
    return next(name for name in METRICS[task_type] if name in metrics)
