"""Tests of a model drawn at random, with known variances between seeds and between rows: how often does the interval
hold what it is to hold, the mean metric over all seeds and all rows there could be?

`benchmarks/coverage.py` prints the whole table.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from snakelm.metrics.classification import _mcc, f1_macro
from snakelm.metrics.ranges import ANY, SHARE, SIGNED_SHARE, Range
from snakelm.metrics.regression import _pearson
from snakelm.statistics.estimates import Scores, difference, estimate
from snakelm.statistics.units import Units, contributions, share

Arrays = tuple[np.ndarray, ...]
LABELS = np.array([0.5, 0.3, 0.2])


@dataclass(frozen=True)
class Kind:
    """A metric of sums over rows, and how rows come about.

    draw(random, seeds, rows, of_seeds, of_rows): the sums' terms, each (seeds, rows) or (seeds, rows, k), where the
    effects of seeds, of rows and the rest have the variances of_seeds, of_rows and 1 − of_rows.
    """

    draw: Callable[[np.random.Generator, int, int, float, float], Arrays]
    value: Callable[..., Any]
    possible: Range = ANY


def effects(random, seeds, rows, of_seeds, of_rows, k=None):
    """Seed + row + rest, (seeds, rows) or (seeds, rows, k)."""
    last = () if k is None else (k,)
    return (
        of_seeds**0.5 * random.standard_normal((seeds, 1, *last))
        + of_rows**0.5 * random.standard_normal((1, rows, *last))
        + (1 - of_rows) ** 0.5 * random.standard_normal((seeds, rows, *last))
    )


def correct(random, seeds, rows, of_seeds, of_rows):
    right = 0.6 + effects(random, seeds, rows, of_seeds, of_rows) > 0
    return right.astype(float), np.ones((seeds, rows))


def labels(random, seeds, rows, of_seeds, of_rows):
    """Hits, gold and predicted labels as marks, for F1 and Matthews correlation."""
    gold = np.eye(3)[random.choice(3, rows, p=LABELS)]
    guess = np.eye(3)[(1.2 * gold + effects(random, seeds, rows, of_seeds, of_rows, 3)).argmax(-1)]
    return guess * gold, np.broadcast_to(gold, guess.shape), guess


def numbers(random, seeds, rows, of_seeds, of_rows):
    """Moments of gold numbers and predictions; a seed changes how well they go together."""
    x = np.broadcast_to(random.standard_normal(rows), (seeds, rows))
    slope = 1.2 + of_seeds**0.5 * random.standard_normal((seeds, 1))
    y = slope * x + effects(random, seeds, rows, 0.0, of_rows)
    return np.ones_like(x), x, y, x * x, y * y, x * y


def overlaps(random, seeds, rows, of_seeds, of_rows):
    """Matches and lengths of two orders of n-grams, for a geometric mean of precisions as BLEU's."""
    length = np.broadcast_to(3 + random.poisson(9, rows), (seeds, rows))
    rate = 1 / (1 + np.exp(-effects(random, seeds, rows, of_seeds, of_rows)))
    first = random.binomial(length, rate)
    second = random.binomial(length - 1, rate**2)
    return first.astype(float), length.astype(float), second.astype(float), length - 1.0


def bleu(first, long, second, short):
    return 100 * np.sqrt(share(first, long) * share(second, short))


KINDS = {
    "accuracy": Kind(correct, share, SHARE),
    "f1_macro": Kind(labels, f1_macro, SHARE),
    "mcc": Kind(labels, _mcc, SIGNED_SHARE),
    "pearson": Kind(numbers, _pearson, SIGNED_SHARE),
    "bleu": Kind(overlaps, bleu, (0.0, 100.0)),
}


@functools.cache
def truth(kind: Kind, of_seeds: float, of_rows: float) -> float:
    """The mean over seeds of the metric on all rows, from rows of their own for each seed."""
    random = np.random.default_rng(99)
    found = [
        kind.value(*(term[0].sum(0) for term in kind.draw(random, 1, 4000, of_seeds, of_rows))) for _ in range(300)
    ]
    return float(np.mean(found))


def scores(kind: Kind, terms: Arrays, units: Units) -> Scores:
    values, parts = {}, []
    for seed in range(len(terms[0])):
        of_seed = [term[seed] for term in terms]
        values[str(seed)] = value = float(kind.value(*(term.sum(0) for term in of_seed)))
        parts.append(contributions(value, units.without(kind.value, *of_seed)))
    return Scores(values, np.stack(parts), len(terms[0][0]), "test")


def coverage(
    name: str, seeds: int, rows: int, of_seeds: float, of_rows: float = 0.5, repeat: int = 2000, seed: int = 1
) -> float:
    """The share of drawn tests whose 95 % interval holds the truth."""
    kind, units, random = KINDS[name], Units.of(rows), np.random.default_rng([seed, seeds, rows])
    aim, held = truth(kind, of_seeds, of_rows), 0
    for _ in range(repeat):
        found = estimate(scores(kind, kind.draw(random, seeds, rows, of_seeds, of_rows), units), possible=kind.possible)
        held += found.low <= aim <= found.high
    return held / repeat


def coverage_of_differences(seeds: int, rows: int, of_seeds: float, repeat: int = 2000, paired: float = 0.5) -> float:
    """The share of 95 % intervals that hold the difference of two models' accuracies, 0.6 and 0.5 in the latent
    score; `paired` is the part of a row's effect that both have in common."""
    random, units, held = np.random.default_rng([2, seeds, rows]), Units.of(rows), 0
    from scipy.special import ndtr

    aim = float(ndtr(0.6 / (1 + of_seeds) ** 0.5) - ndtr(0.5 / (1 + of_seeds) ** 0.5))
    ones = np.ones((seeds, rows))
    for _ in range(repeat):
        common = (0.5 * paired) ** 0.5 * random.standard_normal((1, rows))
        sides = []
        for level in (0.6, 0.5):
            own = (0.5 * (1 - paired)) ** 0.5 * random.standard_normal((1, rows))
            latent = level + common + own + of_seeds**0.5 * random.standard_normal((seeds, 1))
            right = (latent + 0.5**0.5 * random.standard_normal((seeds, rows)) > 0).astype(float)
            sides.append(scores(KINDS["accuracy"], (right, ones), units))
        found = difference(*sides)
        held += found.low <= aim <= found.high
    return held / repeat
