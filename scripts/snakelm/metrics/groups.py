"""Scores of parts of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from snakelm.metrics.details import MOST_GROUPS, Group, label_text, rounded
from snakelm.metrics.ranges import range_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.metrics.predicted import Predicted
    from snakelm.statistics.units import Floats, Units


def groups(
    predicted: Predicted,
    of_row: Sequence[str],
    metric: str,
    compute: Callable[[DataFrame], Mapping[str, float]],
    without: Callable[[DataFrame, Units], Mapping[str, Floats]],
) -> list[Group]:
    """The metric of the rows of each group, by name, with its interval; [] where there is only one.

    compute, without: as in `tasks.metrics.Metrics`; the metric of a group is called metric/group. of_row: each row's
    group. Of more than MOST_GROUPS those with the most rows."""
    sizes = {name: 0 for name in sorted(set(of_row))}
    if len(sizes) < 2:
        return []
    for name in of_row:
        sizes[name] += 1
    scores = [compute(table) for table in predicted]
    parts = [without(table, predicted.units) for table in predicted]
    found = []
    for name in sorted(sorted(sizes, key=lambda name: -sizes[name])[:MOST_GROUPS]):
        values = [score[f"{metric}/{name}"] for score in scores]
        low, high = predicted.interval(values, [part[f"{metric}/{name}"] for part in parts], range_of(metric))
        found.append(Group(label_text(name), sizes[name], metric, rounded(sum(values) / len(values)), low, high))
    return found
