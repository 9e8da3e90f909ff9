"""What may be said from a few seeds: means with intervals, and differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from snakelm.metrics.ranges import ANY, Range


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval over n values; low and high are None for fewer than two values."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def clear_of_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def mean_interval(values: Sequence[float], confidence: float = 0.95, possible: Range = ANY) -> Interval:
    """The mean of independent values (one per seed) with Student's t interval: mean ± t(n−1) · s / √n.

    It holds for roughly normal values and speaks of new seeds on the same test rows, not of new test rows. It ends
    where the `possible` values end, unless a value itself lies beyond. Raises ValueError for no values.
    """
    n = len(values)
    if not n:
        raise ValueError("no values")
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, None, 1)
    from scipy.special import stdtrit  # scipy.stats takes ten times as long to import

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * deviation / math.sqrt(n)
    low = max(mean - half, min(possible[0], *values))
    return Interval(mean, low, min(mean + half, max(possible[1], *values)), n)


def paired_difference(
    a: Mapping[int, float], b: Mapping[int, float], confidence: float = 0.95, possible: Range = ANY
) -> Interval | None:
    """a − b over the seeds that both have (seed → value), with the interval of the paired differences.

    Pairing removes what a seed does to both sides (head, order of batches). None without a common seed.
    """
    seeds = sorted(set(a) & set(b))
    return mean_interval([a[seed] - b[seed] for seed in seeds], confidence, possible) if seeds else None
