"""What each part of a test contributes to a metric, so that metrics that are no mean over rows have intervals too.

The delete-one jackknife (Quenouille 1956, Tukey 1958; Efron and Tibshirani 1993, chapter 11): the pseudo-value of a
unit is U · θ − (U − 1) · θ(without it). For a mean over rows it is the row's own score; for any smooth function of sums
over rows (F1, Matthews correlation, Pearson, BLEU) pseudo-values behave like independent scores whose mean is θ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[float64]
    Integers: TypeAlias = NDArray[int64]

MOST = 2000
"""Units, at most: rows of a larger test are thrown together into so many blocks (the delete-a-group jackknife)."""


@dataclass(frozen=True)
class Units:
    """What is drawn independently when a test is drawn anew: rows, the groups that rows belong to, or blocks of them.

    Rows of one document, or questions on one context, are no independent draws: as rows they would make the interval
    too narrow, so the document is the unit.
    """

    of_row: Integers
    """The unit of each row, (rows,), from 0."""
    count: int

    @classmethod
    def of(cls, rows: int, groups: Sequence[Any] | None = None, most: int = MOST) -> Units:
        """Each row a unit, or the rows with the same group; of more than `most` units random ones become one block.

        Blocks are drawn from a fixed seed: every `most`-th row would hide the differences in a test that is sorted.
        """
        import numpy

        of_row, count = numpy.arange(rows), rows
        if groups is not None:
            number = {group: place for place, group in enumerate(dict.fromkeys(groups))}
            of_row, count = numpy.array([number[group] for group in groups], dtype=numpy.int64), len(number)
        if count > most:
            block = numpy.empty(count, dtype=numpy.int64)
            block[numpy.random.default_rng(0).permutation(count)] = numpy.arange(count) % most
            of_row, count = block[of_row], most
        return cls(of_row, count)

    def total(self, values: Any) -> Floats:
        """The sum of a value of each row over the rows of each unit: (rows,) → (units,)."""
        import numpy

        weights = numpy.asarray(values, dtype=float)
        return numpy.asarray(numpy.bincount(self.of_row, weights=weights, minlength=self.count), dtype=float)

    def counts(self, labels: Any, number: int, rows: Any = None) -> Floats:
        """How often each of `number` labels (ids from 0; negative: none) occurs in each unit: (n,) → (units, number).

        rows: the row of each label, where a row has not just one."""
        import numpy

        labels = numpy.asarray(labels, dtype=numpy.int64)
        units = self.of_row if rows is None else self.of_row[numpy.asarray(rows, dtype=numpy.int64)]
        known = labels >= 0
        found = numpy.bincount(units[known] * number + labels[known], minlength=self.count * number)
        return found.reshape(self.count, number).astype(float)

    def without(self, value: Callable[..., Any], *sums: Floats) -> Floats:
        """A metric of all units but one, for each of them, (units,).

        value: takes sums over rows, each (…,) or (…, k), and gives the metric, (…,). `sums` are those of each unit.
        """
        import numpy

        with numpy.errstate(divide="ignore", invalid="ignore"):
            found = value(*(each.sum(0) - each for each in sums))
        return numpy.broadcast_to(numpy.asarray(found, dtype=float), (self.count,))

    def mean_without(self, values: Any) -> Floats:
        """The mean of a value of each row over all units but one, (units,)."""
        import numpy

        return self.without(share, self.total(values), self.total(numpy.ones(len(self.of_row))))


def share(part: Any, whole: Any) -> Any:
    """part / whole, and 0 where whole is 0."""
    import numpy

    whole = numpy.asarray(whole, dtype=float)
    return numpy.where(whole == 0, 0.0, part / numpy.where(whole == 0, 1.0, whole))


def contributions(value: float, without: Floats) -> Floats:
    """Pseudo-values of the units, (units,), shifted so that their mean is the metric's value itself.

    A unit without which the metric is not defined contributes the value, which is what nothing is known of."""
    import numpy

    units = len(without)
    pseudo = units * value - (units - 1) * numpy.where(numpy.isfinite(without), without, value)
    return numpy.asarray(pseudo - pseudo.mean() + value)
