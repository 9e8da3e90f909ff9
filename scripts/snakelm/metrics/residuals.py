"""What regressions leave over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from snakelm.metrics.details import ResidualBin, Residuals, number

BINS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def residuals(gold: Any, guesses: Sequence[Any]) -> Residuals | None:
    """Residuals, gold − guess, by what was predicted, in bins of equal size; gold: (rows,), guesses: the same of each
    seed. Predictions that are no number are left out; None where there are no others."""
    import numpy

    guess = numpy.concatenate([numpy.asarray(each, dtype=float) for each in guesses])
    gold = numpy.tile(numpy.asarray(gold, dtype=float), len(guesses))
    known = numpy.isfinite(guess) & numpy.isfinite(gold)
    gold, guess = gold[known], guess[known]
    if not len(guess):
        return None
    edges = numpy.unique(numpy.quantile(guess, numpy.linspace(0, 1, BINS + 1)))
    place = numpy.searchsorted(edges[1:-1], guess)
    bins = []
    for at in numpy.unique(place):
        inside = place == at
        quantiles = numpy.quantile(gold[inside] - guess[inside], QUANTILES)
        low, high = number(edges[at]), number(edges[min(at + 1, len(edges) - 1)])
        means = number(guess[inside].mean()), number(gold[inside].mean())
        bins.append(ResidualBin(low, high, int(inside.sum()), *means, [number(value) for value in quantiles]))
    return Residuals(bins)
