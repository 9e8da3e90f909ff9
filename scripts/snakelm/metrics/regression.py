"""Metrics of predicted numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakelm.statistics.units import share

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


def regression(predictions: DataFrame) -> dict[str, float]:
    """Pearson and Spearman correlation (0 where either side is constant, so that a constant guess earns
    nothing), R², and root mean square and mean absolute error in the target's unit. Columns gold, prediction: float."""
    import numpy

    gold = predictions["gold"].to_numpy(float)
    guess = predictions["prediction"].to_numpy(float)
    error = guess - gold
    spread = ((gold - gold.mean()) ** 2).sum()
    return {
        "pearson": _correlation(gold, guess),
        "spearman": _correlation(
            predictions["gold"].rank().to_numpy(float), predictions["prediction"].rank().to_numpy(float)
        ),
        "r2": 1 - (error**2).sum() / spread if spread else 0.0,
        "rmse": numpy.sqrt((error**2).mean()),
        "mae": numpy.abs(error).mean(),
    }


def _correlation(a: Any, b: Any) -> float:
    import numpy

    if len(a) < 2 or numpy.ptp(a) == 0 or numpy.ptp(b) == 0:
        return 0.0
    return float(numpy.corrcoef(a, b)[0, 1])


def regression_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `regression` of all units but one, for each."""
    import numpy

    gold, guess = predictions["gold"].to_numpy(float), predictions["prediction"].to_numpy(float)
    error = guess - gold
    x, y = gold - gold.mean(), guess - guess.mean()  # moments of centred values lose no digits
    sums = [units.total(values) for values in (numpy.ones(len(x)), x, y, x * x, y * y, x * y)]
    squares = units.total(error**2)
    return {
        "pearson": units.without(_pearson, *sums),
        "spearman": _spearman_without(gold, guess, units),
        "r2": units.without(lambda n, a, aa, e: _r2(n, a, aa, e), sums[0], sums[1], sums[3], squares),
        "rmse": numpy.sqrt(units.mean_without(error**2)),
        "mae": units.mean_without(numpy.abs(error)),
    }


def _pearson(n: Any, x: Any, y: Any, xx: Any, yy: Any, xy: Any) -> Any:
    """The correlation from sums; 0 where either side is constant (but for rounding)."""
    import numpy

    of_x, of_y = xx - share(x * x, n), yy - share(y * y, n)
    constant = (of_x <= 1e-12 * xx) | (of_y <= 1e-12 * yy)
    return numpy.where(constant, 0.0, share(xy - share(x * y, n), numpy.sqrt(numpy.maximum(of_x * of_y, 0))))


def _r2(n: Any, x: Any, xx: Any, squares: Any) -> Any:
    import numpy

    spread = xx - share(x * x, n)
    return numpy.where(spread <= 1e-12 * xx, 0.0, 1 - share(squares, spread))


def _spearman_without(gold: Any, guess: Any, units: Units) -> Floats:
    """Spearman's correlation of all units but one. Without a unit a row's rank is lower by how many of its rows are
    below, and by half for each that is equal."""
    import numpy
    from pandas import Series

    ranks = [Series(values).rank().to_numpy(float) for values in (gold, guess)]
    found = numpy.empty(units.count)
    order = numpy.argsort(units.of_row, kind="stable")
    ends = numpy.searchsorted(units.of_row[order], numpy.arange(units.count + 1))
    for unit in range(units.count):
        members = order[ends[unit] : ends[unit + 1]]
        kept = numpy.ones(len(gold), dtype=bool)
        kept[members] = False
        left = []
        for values, rank in zip((gold, guess), ranks, strict=True):
            gone = numpy.sort(values[members])
            below = numpy.searchsorted(gone, values, "left") + numpy.searchsorted(gone, values, "right")
            left.append((rank - below / 2)[kept])
        found[unit] = _correlation(*left)
    return found
