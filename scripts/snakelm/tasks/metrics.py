"""What a task type declares of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snakelm.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame


NO_LABELS = "no labels: {:,} predictions"
"""What is said in place of a score."""


@dataclass(frozen=True)
class Metrics:
    """The metrics of a task type, and how they are computed from a table of predictions.

    The table has one row per input row, in the input's order, with the columns that the type's learner gives. What a
    model left out is an error, never a smaller denominator. Shares are between 0 and 1, sacrebleu's scores up to 100.
    """

    compute: Callable[[DataFrame], Mapping[str, float]]
    """Table of predictions → value by name, in a fixed order; `names` and parts of them, as 'f1/answerable'."""
    names: tuple[str, ...]
    """What a recipe may choose by `metric`. The first that is computed from the given data is the main one."""
    lower_is_better: frozenset[str] = frozenset()
    """Those that measure an error."""

    def score(self, predictions: DataFrame) -> dict[str, float]:
        """Every metric of a table of predictions; UserError for an empty one."""
        if not len(predictions):
            raise UserError("there are no predictions to score")
        return {name: float(value) for name, value in self.compute(predictions).items()}

    def main(self, scores: Mapping[str, float], chosen: str | None = None) -> str:
        """The metric that models are selected and compared by: `chosen`, or the type's usual one."""
        if chosen is None:
            return next(name for name in self.names if name in scores)
        if chosen not in scores:
            raise UserError(f"metric {chosen} is not computed for this task{did_you_mean(chosen, scores)}")
        return chosen

    def greater_is_better(self, metric: str) -> bool:
        """Whether more of a metric is better; true but for errors and entropies."""
        return metric not in self.lower_is_better
