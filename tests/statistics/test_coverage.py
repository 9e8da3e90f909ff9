"""95 % intervals hold the truth in 93 to 97 % of simulated tests. The whole table: benchmarks/coverage.py."""

from __future__ import annotations

import numpy as np
import pytest

from snakelm.statistics.spread import Spread
from tests.statistics.simulation import coverage, coverage_of_differences


@pytest.mark.parametrize("units", [100, 500, 2000])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_whatever_the_share_of_the_seeds(seeds, units):
    """With normal effects the mean squares are multiples of independent χ², so no data need be drawn. σ²_E = 1; from
    seeds that do not differ to seeds that are all that matters."""
    random, repeat = np.random.default_rng([seeds, units]), 10_000 if seeds == 3 else 3000
    for of_seeds, of_units in ((0, 1), (0.001, 0.3), (0.03, 1), (0.1, 1), (1, 1), (0.01, 0)):
        expected = (units * of_seeds + 1, seeds * of_units + 1, 1)
        dfs = (seeds - 1, units - 1, (seeds - 1) * (units - 1))
        drawn = [ms * random.chisquare(df, repeat) / df for ms, df in zip(expected, dfs, strict=True)]
        variance = (expected[0] + expected[1] - 1) / (seeds * units)
        errors = np.abs(random.normal(0, variance**0.5, repeat))
        held = 0
        for error, ms_seeds, ms_units, ms_rest in zip(errors, *drawn, strict=True):
            of_rows = max(ms_units - ms_rest, 0) / (seeds * units)
            spread = Spread(ms_seeds / (seeds * units), of_rows, seeds - 1, units - 1)
            held += error <= spread.half_width(0.95)
        assert 0.93 <= held / repeat <= 0.97, (of_seeds, of_units)


@pytest.mark.parametrize(
    ("seeds", "rows", "of_seeds"), [(3, 100, 0.02), (3, 500, 0.002), (5, 100, 0.1), (5, 2000, 0.002), (10, 500, 0.02)]
)
def test_accuracy(seeds, rows, of_seeds):
    assert 0.93 <= coverage("accuracy", seeds, rows, of_seeds, repeat=1500) <= 0.97


@pytest.mark.parametrize(("seeds", "rows", "of_seeds"), [(3, 100, 0.02), (3, 2000, 0.002), (5, 500, 0.1)])
def test_differences(seeds, rows, of_seeds):
    assert 0.93 <= coverage_of_differences(seeds, rows, of_seeds, repeat=1000) <= 0.97


@pytest.mark.parametrize("metric", ["f1_macro", "mcc", "pearson", "bleu"])
@pytest.mark.parametrize(("seeds", "rows", "of_seeds"), [(3, 100, 0.05), (5, 200, 0.02), (10, 300, 0.005)])
def test_metrics_that_are_no_mean(metric, seeds, rows, of_seeds):
    assert 0.93 <= coverage(metric, seeds, rows, of_seeds, repeat=600) <= 0.97


def test_with_one_seed_the_interval_speaks_of_rows():
    """Of the accuracy of this very seed: seeds that do not differ."""
    assert 0.93 <= coverage("accuracy", 1, 300, 0.0, repeat=2000) <= 0.97
