"""What a task type declares of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snakelm.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


BLOCKS = 100
"""Blocks of rows in which a test is taken apart for metrics that do not say how they depend on rows."""


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
    without: Callable[[DataFrame, Units], Mapping[str, Floats]] | None = None
    """Table of predictions and the units that it is made of → by name each metric of all units but one, for each of
    them, (units,): what intervals over test rows are made of. Without it the metrics are computed again and again
    without some of the rows, which holds for any metric and takes 100 times as long as computing it once."""
    unit: str = ""
    """Column whose equal values make rows one draw of the test, as questions on one context; empty: a row is one."""

    def score(self, predictions: DataFrame) -> dict[str, float]:
        """Every metric of a table of predictions; UserError for an empty one."""
        if not len(predictions):
            raise UserError("there are no predictions to score")
        return {name: float(value) for name, value in self.compute(predictions).items()}

    def units(self, predictions: DataFrame) -> Units:
        """What of the test was drawn independently: the groups of the recipe (`group_column`, documents), else what
        the type says, else rows."""
        from snakelm.statistics.units import MOST, Units

        column = self.unit_column(predictions)
        groups = predictions[column].tolist() if column else None
        return Units.of(len(predictions), groups, BLOCKS if self.without is None else MOST)

    def unit_column(self, predictions: DataFrame) -> str:
        """The column whose equal values make rows one unit; empty where each row is one."""
        return next((name for name in ("group", self.unit) if name and name in predictions), "")

    def contributions(self, predictions: DataFrame, scores: Mapping[str, float]) -> dict[str, Floats]:
        """What each unit of the test contributes to each metric, (units,); their mean is the score."""
        import numpy

        from snakelm.statistics.units import contributions

        units = self.units(predictions)
        without = self.without(predictions, units) if self.without else self._computed_without(predictions, units)
        unknown = numpy.full(units.count, numpy.nan)
        return {name: contributions(score, without.get(name, unknown)) for name, score in scores.items()}

    def _computed_without(self, predictions: DataFrame, units: Units) -> dict[str, Floats]:
        import numpy

        if units.count == 1:
            return {name: numpy.array([numpy.nan]) for name in self.compute(predictions)}
        found = [self.compute(predictions[units.of_row != unit]) for unit in range(units.count)]
        names = dict.fromkeys(name for scores in found for name in scores)
        return {name: numpy.array([scores.get(name, numpy.nan) for scores in found]) for name in names}

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
