"""What a difference says, in one word: better, worse, equivalent or inconclusive; and what it would take to know."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from snakelm.statistics.estimates import Estimate
from snakelm.statistics.spread import Components

Word = Literal["better", "worse", "equivalent", "inconclusive"]

MOST_SEEDS, MOST_UNITS = 1000, 10_000_000


@dataclass(frozen=True)
class Needed:
    """How many seeds (of the same rows), or how many rows (with the same seeds), would show a difference as large as
    the observed one; None where no number would."""

    seeds: int | None
    rows: int | None


@dataclass(frozen=True)
class Verdict:
    """What may be said of one difference, alone and among the others of its family."""

    word: Word
    p: float | None = None
    """Of the claim: that there is a difference, or that it is smaller than the margin; None without an interval."""
    holm: Word | None = None
    """The verdict after Holm's correction over the family; None where there was none."""
    needed: Needed | None = None
    """Of an inconclusive verdict."""


def verdict(difference: Estimate, greater_is_better: bool = True, margin: float | None = None) -> Verdict:
    """The verdict of a difference by its interval.

    equivalent: the whole interval lies within ± margin, so that even a difference that is clear of 0 is too small to
    count (two one-sided tests, Schuirmann 1987, by inclusion of the interval). better, worse: it is clear of 0.
    """
    spread, size = difference.spread, abs(difference.value)
    if spread is None:
        return Verdict("inconclusive")
    level = 1 - difference.confidence
    if margin is not None and size < margin and (p := spread.p_value(margin - size)) <= level:
        return Verdict("equivalent", p)
    p = spread.p_value(size)
    if p <= level:
        return Verdict("better" if (difference.value > 0) == greater_is_better else "worse", p)
    return Verdict("inconclusive", p, needed=needed(difference))


def margin_of(margin: float | Mapping[str, float] | None, metric: str) -> float | None:
    """The margin of a metric, where one number is for all metrics or each has its own; None where it has none."""
    return margin.get(metric) if isinstance(margin, Mapping) else margin


def holm(verdicts: Sequence[Verdict], confidence: float) -> list[Verdict]:
    """The verdicts with Holm's (1979): of m claims the one with the smallest p needs p ≤ α / m, the next α / (m − 1),
    and so on until one fails; it and all after it are inconclusive. The chance of any false claim is at most α."""
    tested = sorted((one.p, place) for place, one in enumerate(verdicts) if one.p is not None)
    found, holds = list(verdicts), True
    for number, (p, place) in enumerate(tested):
        holds = holds and p <= (1 - confidence) / (len(tested) - number)
        found[place] = replace(found[place], holm=found[place].word if holds else "inconclusive")
    return found


def needed(difference: Estimate) -> Needed | None:
    """The seeds or rows with which the interval would just be clear of 0, were the difference what was observed; from
    the variance components. None where they are not known or the difference is 0."""
    size, parts = abs(difference.value), difference.components
    if parts is None or not size > 0:
        return None
    rows_per_unit = difference.rows / difference.units if difference.rows else 1.0
    seeds, units, level = difference.seeds, difference.units, difference.confidence
    more_units = _smallest(lambda n: _shows(parts, seeds, n, size, level), units, MOST_UNITS)
    more_seeds = None
    if difference.covers == "seeds and rows":
        more_seeds = _smallest(lambda n: _shows(parts, n, units, size, level), seeds, MOST_SEEDS)
    return Needed(more_seeds, None if more_units is None else math.ceil(more_units * rows_per_unit))


def _shows(parts: Components, seeds: int, units: int, size: float, confidence: float) -> bool:
    spread = parts.spread(seeds, units)
    if parts.seeds == parts.rest == 0:  # one seed, or none that matters
        spread = replace(spread, of_seeds=0.0)
    return spread.half_width(confidence) < size


def _smallest(enough: Callable[[int], bool], now: int, most: int) -> int | None:
    """The smallest number above `now` that is enough, by doubling and bisection; None if none up to `most` is."""
    low, high = now, now + 1
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
