"""Intervals and verdicts against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from snakelm.metrics.ranges import difference_range, range_of
from snakelm.statistics.estimates import Scores, difference, estimate
from snakelm.statistics.spread import Components, Spread, analyse
from snakelm.statistics.verdicts import Verdict, holm, margin_of, needed, verdict


def seeds_alone(*values: float) -> Scores:
    return Scores({str(seed): value for seed, value in enumerate(values)})


def of_rows(table, **options) -> Scores:
    table = np.array(table, dtype=float)
    return Scores({str(seed): row.mean() for seed, row in enumerate(table)}, table, table.shape[1], "test", **options)


def test_where_rows_are_not_known_the_interval_is_students():
    found = estimate(seeds_alone(0.1, 0.2, 0.3))
    assert (found.low, found.value, found.high, found.seeds) == pytest.approx(
        (0.2 - 0.2484138, 0.2, 0.2 + 0.2484138, 3), abs=1e-6
    )
    assert found.covers == "seeds" and not found.clear_of_zero
    assert estimate(seeds_alone(0.1, 0.2, 0.3), 0.9).high == pytest.approx(0.2 + 0.1685854, abs=1e-6)
    assert estimate(seeds_alone(0.5)).low is None and estimate(seeds_alone(0.5)).covers == "nothing"
    assert estimate(seeds_alone()) is None and estimate(seeds_alone(math.nan)) is None
    assert (estimate(seeds_alone(0.1, math.nan, 0.3)).seeds, estimate(seeds_alone(0.1, math.nan, 0.3)).lost) == (2, 1)


def test_differences_are_paired_by_seed():
    a, b = Scores({"1": 0.5, "2": 0.7, "3": 0.9, "4": 0.1}), Scores({"3": 0.8, "2": 0.6, "1": 0.4, "9": 0.0})
    found = difference(a, b)
    assert found.seeds == 3 and found.lost == 2 and found.value == pytest.approx(0.1) and found.clear_of_zero
    assert found.high - found.value == pytest.approx(0, abs=1e-12)  # unpaired it would be 0.5
    assert difference(Scores({"1": 0.0}), Scores({"2": 0.0})) is None


def test_an_interval_ends_where_possible_scores_end():
    wide = estimate(seeds_alone(0.48, 0.83))
    assert wide.low < -1 and wide.high > 2
    clipped = estimate(seeds_alone(0.48, 0.83), possible=range_of("accuracy"))
    assert (clipped.low, clipped.value, clipped.high) == (0, wide.value, 1)
    assert estimate(seeds_alone(0.48, 0.83), possible=range_of("pearson")).low == -1
    assert estimate(seeds_alone(2.0, 9.0), possible=range_of("rmse")).low == 0
    assert estimate(seeds_alone(62.0, 64.0), possible=range_of("f1")).high >= 64, "a metric of that name in percent"
    narrow = estimate(seeds_alone(0.5, 0.5001))
    assert narrow == estimate(seeds_alone(0.5, 0.5001), possible=range_of("f1/answerable"))
    found = difference(Scores({"1": 0.9, "2": 0.5}), Scores({"1": 0.1, "2": 0.4}), possible=difference_range("f1"))
    assert (found.low, found.high) == (-1, 1)


def test_one_seed_covers_rows_alone():
    """Four rows, three right: mean .75, s² = .25, so ± t(.975, 3) · .5 / √4 = 3.182446 · .25."""
    found = estimate(of_rows([[1, 1, 1, 0]]))
    assert found.covers == "rows" and (found.seeds, found.rows, found.units) == (1, 4, 4)
    assert found.high - found.value == pytest.approx(3.182446 * 0.25, abs=1e-6)
    baseline = estimate(of_rows([[1, 1, 1, 0]] * 3, deterministic=True))
    assert (baseline.seeds, baseline.lost, baseline.low) == (1, 0, found.low)


def test_the_analysis_of_variance_of_a_table():
    """Rows (seeds) 1 2 3 | 3 4 8: seed means 2, 5; unit means 2, 3, 5.5; mean 3.5. MS_S = 3 · 4.5, MS_R = 2 · 6.5 / 2,
    residuals ±.5, ±.5, ±1: MS_E = 2 · 1.5 / 2."""
    spread, parts = analyse(np.array([[1.0, 2, 3], [3, 4, 8]]))
    assert spread == Spread(13.5 / 6, (6.5 - 1.5) / 6, 1, 2)
    assert parts == Components((13.5 - 1.5) / 3, (6.5 - 1.5) / 2, 1.5)
    df = spread.variance**2 / (spread.of_seeds**2 / 1 + spread.of_units**2 / 2)
    narrow = stats.t.ppf(0.975, df) * spread.variance**0.5
    wide = (stats.t.ppf(0.975, 1) ** 2 * spread.of_seeds + stats.t.ppf(0.975, 2) ** 2 * spread.of_units) ** 0.5
    assert spread.half_width(0.95) == pytest.approx((narrow + wide) / 2)


def test_either_source_alone_is_students_t():
    for spread in (Spread(0.04, 0.0, 2, 99), Spread(0.0, 0.04, 1, 2)):
        assert spread.half_width(0.95) == pytest.approx(4.302653 * 0.2, abs=1e-6)
        assert spread.p_value(4.302653 * 0.2) == pytest.approx(0.05, abs=1e-6)
    assert (Spread(0, 0, 1, 1).half_width(0.95), Spread(0, 0, 1, 1).p_value(0.1)) == (0, 0)


def test_the_p_value_is_the_level_of_the_interval_that_ends_there():
    spread = Spread(0.0004, 0.0009, 2, 799)
    for level in (0.2, 0.05, 0.001):
        assert spread.p_value(-spread.half_width(1 - level)) == pytest.approx(level, rel=1e-6)


def test_pairing_by_row_removes_what_both_sides_share():
    random = np.random.default_rng(0)
    row = random.normal(0, 1, (1, 400))
    a, b = (level + row + random.normal(0, 0.1, (3, 400)) for level in (0.1, 0.0))
    paired = difference(of_rows(a), of_rows(b))
    assert paired.covers == "seeds and rows" and paired.high - paired.low < 0.05
    assert estimate(of_rows(a)).high - estimate(of_rows(a)).low > 0.15
    other = difference(of_rows(a), Scores(of_rows(b).values, b, 400, "other rows"))
    assert other.covers == "seeds"


def test_a_baseline_stands_against_every_seed():
    a, b = of_rows([[1, 1, 0, 1], [1, 0, 0, 1]]), of_rows([[0, 1, 0, 1]], deterministic=True)
    b = Scores({"": b.values["0"]}, b.contributions, 4, "test", True)
    found = difference(a, b)
    assert found.value == pytest.approx(0.125) and (found.seeds, found.lost) == (2, 0)
    assert found.values == pytest.approx((0.25, 0.0))
    assert difference(b, a).value == pytest.approx(-0.125)


def test_verdicts():
    clear, open_ = difference(seeds_alone(0.5, 0.51, 0.52), seeds_alone(0, 0, 0)), estimate(seeds_alone(-0.1, 0.1, 0.2))
    assert verdict(clear).word == "better" and verdict(clear, greater_is_better=False).word == "worse"
    assert verdict(clear).p < 0.05 < verdict(open_).p and verdict(open_).word == "inconclusive"
    small = estimate(seeds_alone(0.004, 0.005, 0.006))
    assert verdict(small).word == "better"
    assert verdict(small, margin=0.01).word == "equivalent", "clear of 0, and too small to count"
    assert verdict(small, margin=0.007).word == "better", "the interval goes beyond the margin"
    assert verdict(open_, margin=0.3).word == "inconclusive" != verdict(open_, margin=0.6).word
    one = verdict(estimate(seeds_alone(0.3)))
    assert (one.word, one.p, one.needed) == ("inconclusive", None, None)
    assert margin_of({"accuracy": 0.1}, "accuracy") == margin_of(0.1, "x") == 0.1
    assert margin_of({"accuracy": 0.1}, "f1") is None and margin_of(None, "f1") is None


def test_holm():
    """.01 ≤ .05/4, .016 ≤ .05/3, .03 > .05/2: the third fails, and so does the fourth although .04 ≤ .05."""
    words = ["better", "worse", "better", "equivalent"]
    found = [Verdict(word, p) for word, p in zip(words, (0.04, 0.01, 0.016, 0.03), strict=True)]
    corrected = holm([*found, Verdict("inconclusive")], 0.95)
    assert [one.holm for one in corrected] == ["inconclusive", "worse", "better", "inconclusive", None]
    assert [one.word for one in corrected] == [*words, "inconclusive"]


def test_what_it_would_take():
    """Without differences between seeds and rows but the rest, σ² = 1: half the interval of 3 · n scores is about
    1.96 / √(3 n) where seeds agree, so for 0.1 it takes some 128 rows."""
    random = np.random.default_rng(3)
    found = estimate(of_rows(0.1 + random.normal(0, 1, (3, 60))))
    assert not found.clear_of_zero
    enough = needed(found)
    for seeds, rows in ((enough.seeds, 60), (3, enough.rows)):
        assert found.components.spread(seeds, rows).half_width(0.95) < abs(found.value)
    assert not found.components.spread(enough.seeds - 1, 60).half_width(0.95) < abs(found.value)
    table = 0.1 + random.normal(0, 1, (3, 1)) + random.normal(0, 0.1, (3, 500))
    never = needed(estimate(of_rows(table)))
    assert never.rows is None and never.seeds > 3
    rows = needed(estimate(of_rows([[1, 0, 1, 0, 1, 0, -1, 0, -1, 0.5]])))
    assert rows.seeds is None and rows.rows > 10
    grouped = of_rows(np.repeat(random.normal(0.1, 1, (1, 30)), 3, 0))
    grouped = Scores(grouped.values, grouped.contributions, 300, "test")
    assert needed(estimate(grouped)).rows % 10 == 0, "rows come in groups of ten"
