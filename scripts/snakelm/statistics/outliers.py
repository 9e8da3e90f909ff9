"""Which of a few values is unlike the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

FEWEST = 3
"""Values below which none can be told to be an outlier."""
DEVIATIONS = 3.0
"""Robust standard deviations from the median."""
NORMAL = 1.4826
"""The standard deviation of a normal distribution per median absolute deviation."""


def outliers(values: Sequence[float], noise: float = 0.0) -> list[int]:
    """The positions of the values that are more than DEVIATIONS robust standard deviations from the median.

    The deviation is the median absolute one, made larger for few values (Croux and Rousseeuw 1992), at least `noise`:
    what values differ by anyhow, as by the chance of test rows. Without noise 13 to 23 of 100 sets of 3 to 20
    normal values have an outlier, as their deviation is known so badly; with a noise as large as the true deviation 1
    to 4 have. Values that are no number are no outliers.
    """
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < FEWEST:
        return []
    middle = median(finite)
    deviation = NORMAL * _correction(len(finite)) * median(abs(value - middle) for value in finite)
    limit = DEVIATIONS * max(deviation, noise)
    return [place for place, value in enumerate(values) if math.isfinite(value) and abs(value - middle) > limit + 1e-9]


def _correction(count: int) -> float:
    """What makes the median absolute deviation of so few normal values right on average."""
    small = {3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
    return small.get(count) or count / (count - 0.8)
