"""All predictions of a cell for its test, as the details of an evaluation are made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snakelm.metrics.details import Measure, number, rounded
from snakelm.metrics.ranges import ANY, Range
from snakelm.statistics.estimates import Scores, estimate
from snakelm.statistics.units import contributions

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predictions of each seed of one cell, for the same rows in the same order."""

    tables: Mapping[str, DataFrame]
    """Seed → its table; at least one, and exactly one of a baseline."""
    units: Units
    """What of the test was drawn independently."""
    labels: Sequence[str] = ()
    """Those of the task in the order of their ids; empty for tasks without labels."""
    confidence: float = 0.95
    """Of intervals."""
    deterministic: bool = False
    """Whether no seed enters it: a baseline."""

    @property
    def first(self) -> DataFrame:
        """The table of the first seed."""
        return next(iter(self.tables.values()))

    def __iter__(self) -> Iterator[DataFrame]:
        return iter(self.tables.values())

    def interval(
        self, values: Sequence[float], without: Sequence[Floats], possible: Range = ANY
    ) -> tuple[float | None, float | None]:
        """The interval over seeds and test rows of a value that each seed has, rounded; (None, None) where there is
        none. without: for each seed the value of all units but one, for each of them."""
        import numpy

        table = numpy.stack([contributions(value, each) for value, each in zip(values, without, strict=True)])
        scores = Scores(dict(zip(self.tables, values, strict=True)), table, deterministic=self.deterministic)
        found = estimate(scores, self.confidence, possible)
        return (None, None) if found is None else (rounded(found.low), rounded(found.high))

    def measure(self, values: Sequence[float | None]) -> Measure | None:
        """A value of each seed with their mean; None where no seed has one."""
        return measure(dict(zip(self.tables, values, strict=True)))


def measure(values: Mapping[str, float | None]) -> Measure | None:
    """A measure of the seeds that have a value; None where none has."""
    known = {seed: value for seed, value in values.items() if value is not None and math.isfinite(value)}
    if not known:
        return None
    return Measure(number(sum(known.values()) / len(known)), {seed: number(value) for seed, value in known.items()})
