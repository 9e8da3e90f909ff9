"""Scores and differences of scores with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from snakelm.metrics.ranges import ANY, Range
from snakelm.statistics.spread import Components, Spread, analyse, over_seeds

if TYPE_CHECKING:
    from snakelm.statistics.units import Floats

Covers = Literal["seeds and rows", "rows", "seeds", "nothing"]


@dataclass(frozen=True, eq=False)
class Scores:
    """One metric of one side of a comparison (a model from some weights, or a baseline), on one test."""

    values: Mapping[str, float]
    """Seed → the metric."""
    contributions: Floats | None = None
    """What each unit of the test contributes to each seed's value, (seeds, units): see `units.contributions`."""
    rows: int = 0
    test: str = ""
    """A digest of the test's rows: sides with the same one are paired by row."""
    deterministic: bool = False
    """Whether no seed enters it: a baseline, which is there once."""

    @property
    def finite(self) -> list[str]:
        """The seeds with a value."""
        return [seed for seed, value in self.values.items() if math.isfinite(value)]

    def table(self, seeds: list[str]) -> Floats | None:
        """The contributions of these seeds, their means exactly the values; None where they are not known."""
        import numpy

        if self.contributions is None or self.contributions.shape[1] < 2:
            return None
        place = {seed: number for number, seed in enumerate(self.values)}
        found: Floats = numpy.asarray(self.contributions[[place[seed] for seed in seeds]], dtype=float)
        values = numpy.array([self.values[seed] for seed in seeds])
        return numpy.asarray(found - found.mean(1, keepdims=True) + values[:, None])


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, or a difference of two, with the interval that covers what `covers` says."""

    value: float
    low: float | None
    high: float | None
    """None where `covers` is nothing."""
    seeds: int
    """Seeds that entered; 1 for what no seed enters."""
    rows: int
    """Test rows."""
    units: int
    """What of the test was drawn independently: rows, or the groups they belong to; 0 where not known."""
    covers: Covers
    confidence: float = 0.95
    lost: int = 0
    """Seeds that were run but did not enter: without a finite value or, in a difference, without a partner."""
    values: tuple[float, ...] = ()
    """One per seed."""
    spread: Spread | None = field(default=None, compare=False)
    components: Components | None = field(default=None, compare=False)

    @property
    def same_in_every_seed(self) -> bool:
        return len(self.values) > 1 and max(self.values) - min(self.values) <= 1e-9 * max(map(abs, self.values))

    @property
    def clear_of_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def estimate(scores: Scores, confidence: float = 0.95, possible: Range = ANY) -> Estimate | None:
    """The mean over the seeds that have a value, None if none has; it ends where the `possible` values end, unless a
    value itself lies beyond.

    The interval covers new seeds and new test rows; with one seed (or none, for what is deterministic) new rows;
    where contributions are not known new seeds alone (Student's t).
    """
    seeds = scores.finite
    if scores.deterministic:
        seeds = seeds[:1]
    if not seeds:
        return None
    values = [scores.values[seed] for seed in seeds]
    lost = 0 if scores.deterministic else len(scores.values) - len(seeds)
    return _estimate(values, scores.table(seeds), scores.rows, lost, confidence, possible)


def difference(a: Scores, b: Scores, confidence: float = 0.95, possible: Range = ANY) -> Estimate | None:
    """a − b, paired by seed, and by row where both scored the same rows; None without a common seed.

    Pairing removes what a seed (head, order of batches) and a row (its difficulty) do to both sides. A deterministic
    side is held against every seed of the other.
    """
    import numpy

    seeds = [seed for seed in a.finite if seed in set(b.finite)]
    of_a, of_b = seeds, seeds
    if a.deterministic or b.deterministic:
        of_a, of_b = (side.finite[:1] if side.deterministic else side.finite for side in (a, b))
        count = max(len(of_a), len(of_b)) if of_a and of_b else 0
        of_a, of_b = (seeds * count if len(seeds) == 1 else seeds for seeds in (of_a, of_b))
        of_a, of_b = of_a[:count], of_b[:count]
    if not of_a:
        return None
    values = [a.values[one] - b.values[other] for one, other in zip(of_a, of_b, strict=True)]
    table_a, table_b = a.table(of_a), b.table(of_b)
    table = None
    if table_a is not None and table_b is not None and a.test == b.test and table_a.shape == table_b.shape:
        table = numpy.asarray(table_a - table_b)
    run = {seed for side in (a, b) if not side.deterministic for seed in side.values}
    return _estimate(values, table, a.rows, max(len(run) - len(of_a), 0), confidence, possible)


def _estimate(
    values: list[float], table: Floats | None, rows: int, lost: int, confidence: float, possible: Range
) -> Estimate:
    import numpy

    spread, components = None, None
    covers: Covers = "nothing"
    units = 0 if table is None else table.shape[1]
    if table is not None:
        spread, components = analyse(table)
        covers = "seeds and rows" if len(values) > 1 else "rows"
    elif len(values) > 1:
        spread, covers = over_seeds(numpy.array(values)), "seeds"
    value = math.fsum(values) / len(values)
    low, high = _interval(value, spread, values, confidence, possible)
    return Estimate(
        value,
        low,
        high,
        len(values),
        rows,
        units,
        covers,
        confidence,
        lost,
        tuple(values),
        spread,
        components,
    )


def _interval(
    value: float, spread: Spread | None, values: list[float], confidence: float, possible: Range
) -> tuple[float | None, float | None]:
    if spread is None:
        return None, None
    half = spread.half_width(confidence)
    return max(value - half, min(possible[0], *values, value)), min(value + half, max(possible[1], *values, value))
